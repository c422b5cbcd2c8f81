//! The request around spans and log records.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::attribute::{Value, attribute};
use super::wire::{self, delimited, delimited_len, length_key};

/// The parts of a request that are the same in every one.
pub(crate) struct Envelope {
    /// The resource, and after it whatever precedes the records.
    resource: Vec<u8>,
    /// For spans: the scope that all share. Log records bring theirs.
    scope: Option<Vec<u8>>,
}

impl Envelope {
    /// Around spans, which share one scope.
    pub(crate) fn of_spans(resource: &[(&str, &str)], scope: &str) -> Self {
        let mut name = Vec::new();
        wire::bytes(&mut name, length_key(1), scope.as_bytes());
        let mut scope = Vec::new();
        wire::bytes(&mut scope, length_key(1), &name);
        Self {
            resource: encode(resource),
            scope: Some(scope),
        }
    }

    /// Around log records.
    pub(crate) fn of_logs(resource: &[(&str, &str)]) -> Self {
        Self {
            resource: encode(resource),
            scope: None,
        }
    }

    /// The request with these records.
    pub(crate) fn seal(&self, records: Bytes) -> Request {
        let inner = match &self.scope {
            Some(scope) => delimited_len(scope.len() + records.len()),
            None => records.len(),
        };
        let length = self.resource.len() + inner;
        let mut head = Vec::with_capacity(16 + self.resource.len());
        delimited(&mut head, length_key(1), length);
        head.extend_from_slice(&self.resource);
        if let Some(scope) = &self.scope {
            delimited(&mut head, length_key(2), scope.len() + records.len());
            head.extend_from_slice(scope);
        }
        Request([head.into(), records])
    }
}

/// A request's body: what precedes the records, and the records where they lie.
pub(crate) struct Request([Bytes; 2]);

impl Body for Request {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.0.iter_mut().find(|part| !part.is_empty());
        Poll::Ready(next.map(|part| Ok(Frame::data(std::mem::take(part)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.iter().all(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|part| part.len() as u64).sum())
    }
}

fn encode(resource: &[(&str, &str)]) -> Vec<u8> {
    let mut attributes = Vec::new();
    for (name, value) in resource {
        attribute(&mut attributes, length_key(1), name, Value::Text(value));
    }
    let mut out = Vec::new();
    wire::bytes(&mut out, length_key(1), &attributes);
    out
}
