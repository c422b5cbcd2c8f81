//! Streams of events.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use httparse::Header;

use super::exchange::{begin_trace, send};
use super::{Trouble, Walk};
use crate::failure::Failure;
use crate::http1::Sink;
use crate::journeys::session::Session;
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
        let trace = begin_trace(&self.session, &mut request);
        let line = format!("{} {}", request.method(), request.uri().path());
        let session = Rc::clone(&self.session);
        let row = planned.row;
        let began = Cell::new(None);
        let mut heard = Listening {
            session: &session,
            step,
            row,
            meant,
            began: &began,
            status: StatusCode::OK,
            events: Events::default(),
            bytes: 0,
            count: 0,
            last: None,
            end: None,
        };
        let reading = send(&session, &step.target, &request, &began, &mut heard);
        let outcome = tokio::time::timeout(session.scenario.timeout.0, reading).await;
        let Listening {
            status,
            bytes,
            count,
            end,
            ..
        } = heard;
        let ended = session.now();
        session.record.borrow_mut().finished = Duration::from_nanos(ended);
        session.traced(trace, row, meant, ended);
        let began = began.get().unwrap_or(ended);
        let took = |row: &mut StepRecord| {
            row.took(ended.saturating_sub(meant), ended.saturating_sub(began));
        };
        let whole = match (outcome, end) {
            (_, Some(End::TooLarge)) => Err(Failure::TooLarge),
            (Ok(_), Some(End::Said | End::HungUp)) => Ok(()),
            (Ok(Err(failure)), None) => Err(failure),
            // A stream that has an end, and did not come to it, was cut off.
            (Ok(Ok(_)), None) if status != StatusCode::OK => Ok(()),
            (Ok(Ok(_)), None) if step.until.is_none() && count > 0 => Ok(()),
            (Ok(Ok(_)), None) => Err(Failure::Closed),
            (Err(_), _) => {
                session.row(row, took);
                Err(Failure::Timeout)
            }
        };
        whole.map_err(|failure| Trouble::counted(failure, &line))?;
        session.row(row, |row| {
            took(row);
            row.answered(status.as_u16(), bytes, status == StatusCode::OK);
        });
        match status {
            StatusCode::OK => Ok(()),
            _ => Err(Trouble {
                counted: None,
                why: format!("{line}: status {}", status.as_u16()),
            }),
        }
    }
}

/// Why nothing more is heard of a stream.
#[derive(Debug, Clone, Copy)]
enum End {
    /// The event came that ends it.
    Said,
    /// We have heard enough.
    HungUp,
    TooLarge,
}

/// Hears the events of a stream, and writes down when.
struct Listening<'a> {
    session: &'a Session,
    step: &'a scenario::Sse,
    row: usize,
    meant: u64,
    began: &'a Cell<Option<u64>>,
    status: StatusCode,
    events: Events,
    bytes: u64,
    count: u32,
    /// When the last event came.
    last: Option<u64>,
    end: Option<End>,
}

impl Listening<'_> {
    fn event(&mut self) {
        let now = self.session.now();
        match self.last.replace(now) {
            None => self.session.row(self.row + 1, |row| {
                let service = now - self.began.get().unwrap_or(now);
                row.took(now.saturating_sub(self.meant), service);
                row.replied(0);
            }),
            Some(last) => self.session.row(self.row + 2, |row| {
                row.took(now - last, now - last);
                row.replied(0);
            }),
        }
        self.count += 1;
    }
}

impl Sink for Listening<'_> {
    fn head(&mut self, status: StatusCode, _: &[Header<'_>]) {
        self.status = status;
    }

    fn data(&mut self, data: &[u8]) -> ControlFlow<()> {
        self.bytes += data.len() as u64;
        // What comes after the end is read, so that the connection can be used again.
        if self.status != StatusCode::OK || self.end.is_some() {
            return ControlFlow::Continue(());
        }
        let Ok(found) = self.events.read(data) else {
            self.end = Some(End::TooLarge);
            return ControlFlow::Break(());
        };
        for event in found {
            if Some(&event) == self.step.until.as_ref() {
                self.end = Some(End::Said);
                return ControlFlow::Continue(());
            }
            self.event();
            if self.step.cancel_after == Some(self.count) {
                self.end = Some(End::HungUp);
                // Giving up the answer closes the connection.
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}
