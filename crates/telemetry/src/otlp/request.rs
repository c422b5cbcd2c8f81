//! The request around spans and log records.

use bytes::{Bytes, BytesMut};

use super::attribute::{Value, attribute};
use super::wire::{self, delimited, delimited_len, length_key, read_varint};

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

    /// The whole request, in a piece of `room`: once it has been sent and
    /// dropped, the next one takes the same memory.
    pub(crate) fn seal(&self, records: &[u8], room: &mut BytesMut) -> Bytes {
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
        room.reserve(head.len() + records.len());
        room.extend_from_slice(&head);
        room.extend_from_slice(records);
        room.split().freeze()
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

/// Cuts encoded records into pieces of some size: each piece with the number
/// of records in it.
pub(crate) struct Records<'a> {
    rest: &'a [u8],
    size: usize,
}

impl<'a> Records<'a> {
    /// Pieces of at most `size` bytes; a record that is larger is one alone.
    pub(crate) fn new(records: &'a [u8], size: usize) -> Self {
        Self {
            rest: records,
            size,
        }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = (&'a [u8], u64);

    fn next(&mut self) -> Option<Self::Item> {
        let (mut end, mut count) = (0, 0);
        while let Some(length) = first_len(&self.rest[end..]) {
            if count > 0 && end + length > self.size {
                break;
            }
            end += length;
            count += 1;
        }
        if count == 0 {
            return None;
        }
        let (piece, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some((piece, count))
    }
}

/// The length of the first record, its key included.
fn first_len(records: &[u8]) -> Option<usize> {
    let (length, content) = read_varint(records.get(1..)?)?;
    let head = records.len() - content.len();
    let length = usize::try_from(length).ok()?;
    (length <= content.len()).then_some(head + length)
}
