//! Streams of events.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use http::HeaderValue;
use http_body_util::BodyExt;

use super::exchange::{begin_trace, lease, read};
use super::{Trouble, Walk};
use crate::failure::Failure;
use crate::protocol::connections::exchanging;
use crate::protocol::sse::Events;
use crate::record::StepRecord;
use crate::scenario::{self, Template};
use crate::script::Planned;

impl Walk {
    pub(super) async fn stream(
        &mut self,
        planned: &Planned,
        step: &scenario::Sse,
        headers: Option<&BTreeMap<String, Template>>,
        meant: u64,
    ) -> Result<(), Trouble> {
        let body = step.json.as_ref().map(|json| self.json(json));
        let mut request = self.request(&step.request, [headers, Some(&step.headers)], body)?;
        let accept = HeaderValue::from_static("text/event-stream");
        request.headers_mut().insert(http::header::ACCEPT, accept);
        begin_trace(&self.session, &mut request);
        let line = format!("{} {}", request.method(), request.uri().path());
        let session = Rc::clone(&self.session);
        let row = planned.row;
        let began = Cell::new(None);
        let reading = async {
            let lease = lease(&session, &step.target).await?;
            began.set(Some(session.now()));
            let sent = lease.send(request).await;
            let (answer, used) = sent.map_err(|error| session.no_connection(error))?;
            if used.opened {
                session.record.borrow_mut().opened += 1;
            }
            let (head, mut body) = answer.into_parts();
            let status = head.status.as_u16();
            if status != 200 {
                let (bytes, _) = read(&mut body, false).await?;
                used.keep();
                return Ok((status, bytes, true));
            }
            let mut events = Events::default();
            let (mut bytes, mut count, mut last) = (0, 0, None);
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| exchanging(&error))?;
                let Some(data) = frame.data_ref() else {
                    continue;
                };
                bytes += data.len() as u64;
                let found = events.read(data).map_err(|_| Failure::TooLarge)?;
                for event in found {
                    let now = session.now();
                    if Some(&event) == step.until.as_ref() {
                        // What may come after it is read, so that the connection
                        // can be used again.
                        while let Some(Ok(_)) = body.frame().await {}
                        used.keep();
                        return Ok((status, bytes, true));
                    }
                    match last.replace(now) {
                        None => session.row(row + 1, |row| {
                            let service = now - began.get().unwrap_or(now);
                            row.took(now.saturating_sub(meant), service);
                            row.replied(0);
                        }),
                        Some(last) => session.row(row + 2, |row| {
                            row.took(now - last, now - last);
                            row.replied(0);
                        }),
                    }
                    count += 1;
                    if step.cancel_after == Some(count) {
                        // Hanging up is closing the connection: dropping it does.
                        return Ok((status, bytes, true));
                    }
                }
            }
            used.keep();
            // A stream that has an end, and did not come to it, was cut off.
            Ok((status, bytes, step.until.is_none() && count > 0))
        };
        let outcome = tokio::time::timeout(session.scenario.timeout.0, reading).await;
        let ended = session.now();
        session.record.borrow_mut().finished = Duration::from_nanos(ended);
        let began = began.get().unwrap_or(ended);
        let took = |row: &mut StepRecord| {
            row.took(ended.saturating_sub(meant), ended.saturating_sub(began));
        };
        let (status, bytes, whole) = match outcome {
            Ok(Ok(answer)) => answer,
            Ok(Err::<_, Failure>(failure)) => return Err(Trouble::counted(failure, &line)),
            Err(_) => {
                session.row(row, took);
                return Err(Trouble::counted(Failure::Timeout, &line));
            }
        };
        if !whole {
            return Err(Trouble::counted(Failure::Closed, &line));
        }
        session.row(row, |row| {
            took(row);
            row.answered(status, bytes, status == 200);
        });
        match status {
            200 => Ok(()),
            _ => Err(Trouble {
                counted: None,
                why: format!("{line}: status {status}"),
            }),
        }
    }
}
