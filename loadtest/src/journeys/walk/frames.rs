//! Frames: on the journey's own socket, and on those that are kept open.

use std::rc::Rc;
use std::time::Duration;

use http::HeaderMap;

use super::{Trouble, Walk};
use crate::failure::Failure;
use crate::protocol::websocket::Socket;
use crate::record::StepRecord;
use crate::scenario::{self, Fill};
use crate::script::Planned;

impl Walk {
    pub(super) async fn talk(
        &mut self,
        planned: &Planned,
        step: &scenario::Websocket,
        meant: u64,
    ) -> Result<(), Trouble> {
        let session = Rc::clone(&self.session);
        let path = step.path.as_ref().map(|path| self.fill(path)).transpose()?;
        let protocols: Result<Vec<_>, _> = step
            .protocols
            .iter()
            .map(|protocol| self.fill(protocol))
            .collect();
        let protocols = protocols?;
        let send = step.send.as_ref().map(|send| self.json(send)).transpose()?;
        let from = &mut Fill {
            scope: &self.known,
            random: &mut self.random,
        };
        let until = step
            .until
            .as_ref()
            .map(|until| until.fill(from))
            .transpose();
        let until = until.map_err(Trouble::value)?;
        let began = session.now();
        let mut socket = self.socket.take();
        let talking = async {
            if let Some(target) = &step.open {
                let target = session.target(target)?;
                let path = path.as_deref().unwrap_or("/");
                let opened = Socket::open(target, path, &protocols).await;
                socket = Some(opened.map_err(|error| session.no_connection(error))?);
                session.record.borrow_mut().opened += 1;
            }
            let Some(mut open) = socket else {
                return Err(Failure::Closed);
            };
            if let Some((text, _)) = send {
                open.send(text).await?;
            }
            let heard = match &until {
                Some(until) => Some(open.until(until).await?),
                None => None,
            };
            if step.close {
                open.close().await?;
                return Ok((heard, None));
            }
            Ok((heard, Some(open)))
        };
        let outcome = tokio::time::timeout(session.scenario.timeout.0, talking).await;
        let ended = session.now();
        session.record.borrow_mut().finished = Duration::from_nanos(ended);
        let took = |row: &mut StepRecord| {
            row.took(ended.saturating_sub(meant), ended.saturating_sub(began));
        };
        match outcome {
            Ok(Ok((heard, socket))) => {
                self.socket = socket;
                session.row(planned.row, |row| {
                    took(row);
                    row.replied(heard.as_ref().map_or(0, |text| text.len() as u64));
                });
                let heard = heard.as_ref().map_or("", |text| text.as_str());
                self.capture(planned, &HeaderMap::new(), heard.as_bytes())
            }
            Ok(Err(failure)) => Err(Trouble::counted(failure, "websocket")),
            Err(_) => {
                session.row(planned.row, took);
                Err(Trouble::counted(Failure::Timeout, "websocket"))
            }
        }
    }

    pub(super) async fn say(
        &mut self,
        planned: &Planned,
        step: &scenario::Fanout,
        meant: u64,
    ) -> Result<(), Trouble> {
        let session = Rc::clone(&self.session);
        let Some(turn) = session.rooms.turn(&mut self.random) else {
            return Err(Trouble::counted(Failure::Closed, "fanout"));
        };
        self.known.own.set("id", turn.id.clone());
        self.known.own.set("room", turn.number.to_string());
        let (text, _) = self.json(&step.send)?;
        let from = &mut Fill {
            scope: &self.known,
            random: &mut self.random,
        };
        let heard = step.heard.fill(from).map_err(Trouble::value)?;
        let saying = async {
            let now = || session.now();
            let what = (planned.row, meant, heard);
            let (said, sent) = session.rooms.say(&turn, text, what, now).await;
            sent?;
            said.complete().await;
            Ok::<_, Failure>(())
        };
        let outcome = tokio::time::timeout(session.scenario.timeout.0, saying).await;
        let missing = session.rooms.forget(&turn.id);
        let now = session.now();
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(failure)) => Err(Trouble::counted(failure, "fanout")),
            Err(_) => {
                session.row(planned.row, |row| {
                    for _ in 0..missing {
                        row.took(now.saturating_sub(meant), now.saturating_sub(meant));
                        row.failed(Failure::Missing);
                    }
                });
                Err(Trouble {
                    counted: None,
                    why: format!("fanout: {missing} did not hear it"),
                })
            }
        }
    }
}
