//! Log records.

use super::attribute::Value;
use super::wire::{
    bytes, delimited, delimited_len, fixed32, fixed32_key, fixed64, fixed64_key, length_key,
    varint_key,
};
use crate::trace::SpanContext;

/// The key of a record's attributes, for [`super::attribute`].
pub(crate) const RECORD_ATTRIBUTE: u8 = length_key(6);

/// `SeverityNumber`, one of each range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Severity {
    Debug = 5,
    Info = 9,
    Warn = 13,
    Error = 17,
    Fatal = 21,
}

/// What happened, and where.
pub(crate) struct LogRecord<'a> {
    /// Nanoseconds since 1970; also when it was observed.
    pub(crate) time: u64,
    pub(crate) severity: Severity,
    pub(crate) severity_text: &'a str,
    /// Who says so: the name of the scope.
    pub(crate) logger: &'a str,
    pub(crate) body: &'a str,
    /// Encoded attributes.
    pub(crate) attributes: &'a [u8],
    /// The span it happened in.
    pub(crate) span: Option<&'a SpanContext>,
}

impl LogRecord<'_> {
    /// Writes it as a `ScopeLogs` of its own: the scope is the logger, and
    /// records of different loggers follow each other.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let scope = delimited_len(self.logger.len());
        let body = Value::Text(self.body);
        let record = 9
            + 9
            + 2
            + delimited_len(self.severity_text.len())
            + delimited_len(body.any_len())
            + self.attributes.len()
            + if self.span.is_some() { 18 + 10 + 5 } else { 0 };
        let length = delimited_len(scope) + delimited_len(record);
        out.reserve(delimited_len(length));
        delimited(out, length_key(2), length);

        delimited(out, length_key(1), scope);
        bytes(out, length_key(1), self.logger.as_bytes());

        delimited(out, length_key(2), record);
        fixed64(out, fixed64_key(1), self.time);
        fixed64(out, fixed64_key(11), self.time);
        out.extend_from_slice(&[varint_key(2), self.severity as u8]);
        bytes(out, length_key(3), self.severity_text.as_bytes());
        delimited(out, length_key(5), body.any_len());
        body.any(out);
        out.extend_from_slice(self.attributes);
        if let Some(span) = self.span {
            fixed32(out, fixed32_key(8), u32::from(span.flags));
            bytes(out, length_key(9), &span.trace_id.to_be_bytes());
            bytes(out, length_key(10), &span.span_id.to_be_bytes());
        }
    }
}
