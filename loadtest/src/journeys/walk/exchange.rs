//! Requests of HTTP and their answers: plain ones, forms and webhooks.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use chrono::Utc;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use httparse::Header;
use rand::RngExt;

use super::{Trouble, Walk};
use crate::failure::Failure;
use crate::http1::{Answer, Sink};
use crate::journeys::session::Session;
use crate::protocol::parts::Parts;
use crate::protocol::{capture, upload, webhook};
use crate::record::StepRecord;
use crate::scenario::{self, Fill, Template};
use crate::script::Planned;
use crate::trace::{TRACEPARENT, Trace};

/// The most of an answer's body that is kept for captures.
const KEPT: usize = 4 << 20;

/// The text of a body, and its media type.
pub(super) type Text = (String, Option<&'static str>);

impl Walk {
    pub(super) fn request(
        &mut self,
        line: &scenario::RequestLine,
        headers: [Option<&BTreeMap<String, Template>>; 2],
        body: Option<Result<Text, Trouble>>,
    ) -> Result<Request<Parts>, Trouble> {
        let path = self.fill(&line.path)?;
        let mut map = HeaderMap::new();
        let mut parts = Parts::default();
        if let Some(body) = body {
            let (body, media) = body?;
            if let Some(media) = media {
                map.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(media));
            }
            parts.add(body);
        }
        for (name, value) in headers.into_iter().flatten().flatten() {
            let value = self.fill(value)?;
            let name = HeaderName::try_from(name).map_err(|_| Trouble::value(name.clone()))?;
            let value = HeaderValue::try_from(value)
                .map_err(|_| Trouble::value(name.as_str().to_owned()))?;
            map.insert(name, value);
        }
        request(line.method.clone(), &path, map, parts)
    }

    pub(super) async fn upload(
        &mut self,
        planned: &Planned,
        step: &scenario::Upload,
        headers: Option<&BTreeMap<String, Template>>,
        meant: u64,
    ) -> Result<(), Trouble> {
        let mut request = self.request(&step.request, [headers, Some(&step.headers)], None)?;
        let from = &mut Fill {
            scope: &self.known,
            random: &mut self.random,
        };
        let (body, media) =
            upload::form(step, &self.session.contents, from).map_err(Trouble::value)?;
        *request.body_mut() = body;
        if let Ok(media) = HeaderValue::try_from(media) {
            request
                .headers_mut()
                .insert(http::header::CONTENT_TYPE, media);
        }
        let expects = |status| scenario::expects(&step.expect, status);
        self.exchange(planned, &step.target, request, &expects, meant)
            .await
    }

    pub(super) async fn webhook(
        &mut self,
        planned: &Planned,
        step: &scenario::Webhook,
        headers: Option<&BTreeMap<String, Template>>,
        meant: u64,
    ) -> Result<(), Trouble> {
        let (body, media) = self.json(&step.json)?;
        let mut secret = self.fill(&step.signature.secret)?;
        let wrong = step
            .signature
            .wrong
            .is_some_and(|share| self.random.random_bool(share.0));
        if wrong {
            secret.push_str(", but not this one");
        }
        let id = format!("msg_{:016x}", self.random.random::<u64>());
        let line = &step.request;
        let text = body.clone();
        let mut request = self.request(
            line,
            [headers, Some(&step.headers)],
            Some(Ok((body, media))),
        )?;
        let now = Utc::now().timestamp();
        let scheme = step.signature.scheme;
        webhook::sign(
            scheme,
            secret.as_bytes(),
            &id,
            now,
            text.as_bytes(),
            request.headers_mut(),
        );
        let expects = |status| match wrong {
            true => matches!(status, 401 | 403),
            false => scenario::expects(&step.expect, status),
        };
        self.exchange(planned, &step.target, request, &expects, meant)
            .await
    }

    /// A request and its answer, and what is captured of it.
    pub(super) async fn exchange(
        &mut self,
        planned: &Planned,
        target: &str,
        mut request: Request<Parts>,
        expects: &dyn Fn(u16) -> bool,
        meant: u64,
    ) -> Result<(), Trouble> {
        let session = Rc::clone(&self.session);
        let line = format!("{} {}", request.method(), request.uri().path());
        let trace = begin_trace(&session, &mut request);
        let began = Cell::new(None);
        let mut kept = Kept {
            expects,
            keep: !planned.step.capture.is_empty(),
            headers: HeaderMap::new(),
            body: Vec::new(),
        };
        let exchange = send(&session, target, &request, &began, &mut kept);
        let outcome = tokio::time::timeout(session.scenario.timeout.0, exchange).await;
        let ended = session.now();
        session.record.borrow_mut().finished = Duration::from_nanos(ended);
        let began = began.get().unwrap_or(ended);
        session.traced(trace, planned.row, meant, ended);
        let took = |row: &mut StepRecord| {
            row.took(ended.saturating_sub(meant), ended.saturating_sub(began));
        };
        let answer = match outcome {
            Ok(Ok(answer)) => answer,
            Ok(Err(failure)) => return Err(Trouble::counted(failure, &line)),
            Err(_) => {
                // It took at least this long: leaving it out would make the
                // slowest server look quick.
                session.row(planned.row, took);
                return Err(Trouble::counted(Failure::Timeout, &line));
            }
        };
        let status = answer.status.as_u16();
        let expected = expects(status);
        session.row(planned.row, |row| {
            took(row);
            row.answered(status, answer.bytes, expected);
        });
        if !expected {
            let said: String = String::from_utf8_lossy(&kept.body)
                .chars()
                .take(300)
                .collect();
            let why = format!("{line}: status {status} was not expected: {said}");
            return Err(Trouble { counted: None, why });
        }
        self.capture(planned, &kept.headers, &kept.body)
    }

    pub(super) fn capture(
        &mut self,
        planned: &Planned,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), Trouble> {
        if planned.step.capture.is_empty() {
            return Ok(());
        }
        let found = capture::take(&planned.step.capture, headers, body).map_err(Trouble::value)?;
        for (name, value) in found {
            self.known.own.set(&name, value);
        }
        Ok(())
    }
}

/// What is kept of an answer: for captures, and to say what was not expected.
struct Kept<'a> {
    expects: &'a dyn Fn(u16) -> bool,
    keep: bool,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Sink for Kept<'_> {
    fn head(&mut self, status: StatusCode, headers: &[Header<'_>]) {
        self.keep |= !(self.expects)(status.as_u16());
        if self.keep {
            let pairs = headers.iter().filter_map(|header| {
                let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
                Some((name, HeaderValue::from_bytes(header.value).ok()?))
            });
            self.headers.extend(pairs);
        }
    }

    fn data(&mut self, data: &[u8]) -> ControlFlow<()> {
        if self.keep && self.body.len() + data.len() <= KEPT {
            self.body.extend_from_slice(data);
        }
        ControlFlow::Continue(())
    }
}

pub(super) fn begin_trace(session: &Session, request: &mut Request<Parts>) -> Option<Trace> {
    let trace = session.trace()?;
    let value = HeaderValue::try_from(trace.to_string()).ok()?;
    let name = HeaderName::from_static(TRACEPARENT);
    request.headers_mut().insert(name, value);
    Some(trace)
}

/// Sends a request when there is a connection for it, and reads the answer. `began`
/// is when it went.
pub(super) async fn send(
    session: &Session,
    target: &str,
    request: &Request<Parts>,
    began: &Cell<Option<u64>>,
    sink: &mut impl Sink,
) -> Result<Answer, Failure> {
    if session.connections.busy(target) {
        session.record.borrow_mut().held += 1;
    }
    let lease = session.connections.lease(target).await;
    let lease = lease.ok_or(Failure::Connect)?;
    began.set(Some(session.now()));
    let exchanged = lease.exchange(request, sink).await;
    let exchanged = exchanged.map_err(|error| session.no_connection(error))?;
    if exchanged.opened {
        session.record.borrow_mut().opened += 1;
    }
    Ok(exchanged.answer)
}

fn request(
    method: Method,
    path: &str,
    headers: HeaderMap,
    body: Parts,
) -> Result<Request<Parts>, Trouble> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = path
        .parse::<Uri>()
        .map_err(|_| Trouble::value(path.to_owned()))?;
    *request.headers_mut() = headers;
    Ok(request)
}
