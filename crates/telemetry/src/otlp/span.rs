//! Spans, with their events, links and status.

use super::wire::{
    bytes, delimited, delimited_len, fixed32, fixed32_key, fixed64, fixed64_key, length_key,
    varint, varint_key, varint_len,
};
use crate::trace::{SpanContext, SpanKind};

/// The key of a span's attributes, for [`super::attribute`].
pub(crate) const SPAN_ATTRIBUTE: u8 = length_key(9);

/// `Span.flags` is field 16, whose key takes two bytes.
const FLAGS: [u8; 2] = [0x85, 0x01];
/// `SpanFlags`: it is known whether the parent is remote, and it is.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
const STATUS_CODE_ERROR: u8 = 2;

/// Writes a span's name.
pub(crate) fn span_name(out: &mut Vec<u8>, name: &str) {
    bytes(out, length_key(5), name.as_bytes());
}

/// Writes a span's kind.
pub(crate) fn span_kind(out: &mut Vec<u8>, kind: SpanKind) {
    let number = match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    };
    out.extend_from_slice(&[varint_key(6), number]);
}

/// Writes a span's status: failed, and of what. Written again, the later one
/// counts.
pub(crate) fn span_status(out: &mut Vec<u8>, message: &str) {
    delimited(out, length_key(15), delimited_len(message.len()) + 2);
    bytes(out, length_key(2), message.as_bytes());
    out.extend_from_slice(&[varint_key(3), STATUS_CODE_ERROR]);
}

/// A moment within a span.
pub(crate) struct Event<'a> {
    /// Nanoseconds since 1970.
    pub(crate) time: u64,
    pub(crate) name: &'a str,
}

impl Event<'_> {
    fn content_len(&self) -> usize {
        9 + delimited_len(self.name.len())
    }

    pub(crate) fn encoded_len(&self) -> usize {
        delimited_len(self.content_len())
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        delimited(out, length_key(11), self.content_len());
        fixed64(out, fixed64_key(1), self.time);
        bytes(out, length_key(2), self.name.as_bytes());
    }
}

/// A span that caused this one.
pub(crate) struct Link<'a>(pub(crate) &'a SpanContext);

impl Link<'_> {
    const CONTENT_LEN: usize = 18 + 10 + 5;
    pub(crate) const ENCODED_LEN: usize = delimited_len(Self::CONTENT_LEN);

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let Self(cause) = self;
        delimited(out, length_key(13), Self::CONTENT_LEN);
        bytes(out, length_key(1), &cause.trace_id.to_be_bytes());
        bytes(out, length_key(2), &cause.span_id.to_be_bytes());
        fixed32(out, fixed32_key(6), flags(cause.flags, cause.remote));
    }
}

fn flags(trace_flags: u8, remote: bool) -> u32 {
    u32::from(trace_flags) | HAS_IS_REMOTE | if remote { IS_REMOTE } else { 0 }
}

/// Everything about a span, at its end.
pub(crate) struct EndedSpan<'a> {
    pub(crate) own: &'a SpanContext,
    pub(crate) parent: Option<&'a SpanContext>,
    /// Nanoseconds since 1970.
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Encoded fields that every span of its sort shares.
    pub(crate) constant: &'a [u8],
    /// Encoded fields of its own.
    pub(crate) fields: &'a [u8],
    /// How many attributes, events and links there was no room for.
    pub(crate) dropped: [u32; 3],
}

impl EndedSpan<'_> {
    /// Writes it as one of a `ScopeSpans`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        const DROPPED: [u8; 3] = [varint_key(10), varint_key(12), varint_key(14)];
        let dropped = || {
            DROPPED
                .into_iter()
                .zip(self.dropped)
                .filter(|(_, n)| *n > 0)
        };
        let ids = 18 + 10 + if self.parent.is_some() { 10 } else { 0 };
        let times = 9 + 9;
        let flags_len = 2 + 4;
        let dropped_len: usize = dropped()
            .map(|(_, count)| 1 + varint_len(u64::from(count)))
            .sum();
        let length =
            ids + times + flags_len + dropped_len + self.constant.len() + self.fields.len();
        out.reserve(delimited_len(length));
        delimited(out, length_key(2), length);
        bytes(out, length_key(1), &self.own.trace_id.to_be_bytes());
        bytes(out, length_key(2), &self.own.span_id.to_be_bytes());
        if let Some(parent) = self.parent {
            bytes(out, length_key(4), &parent.span_id.to_be_bytes());
        }
        out.extend_from_slice(self.constant);
        fixed64(out, fixed64_key(7), self.start);
        fixed64(out, fixed64_key(8), self.end);
        out.extend_from_slice(self.fields);
        for (key, count) in dropped() {
            out.push(key);
            varint(out, u64::from(count));
        }
        let remote = self.parent.is_some_and(|parent| parent.remote);
        out.extend_from_slice(&FLAGS);
        out.extend_from_slice(&flags(self.own.flags, remote).to_le_bytes());
    }
}
