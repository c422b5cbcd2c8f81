//! OTLP in protobuf, written in place.
//!
//! Only what this project sends: spans with attributes, events, links and
//! status, log records, and the request around them. Each message is written
//! once, into the buffer that is sent; its length is known before. Field
//! numbers are those of <https://github.com/open-telemetry/opentelemetry-proto>,
//! and the tests read every shape back with the generated types.

mod attribute;
mod log;
mod request;
mod span;
mod wire;

pub use attribute::{AsValue, Value};
pub(crate) use attribute::{attribute, attribute_len};
pub(crate) use log::{LogRecord, RECORD_ATTRIBUTE, Severity};
pub(crate) use request::{Envelope, Request};
pub(crate) use span::{EndedSpan, Event, Link, SPAN_ATTRIBUTE, span_kind, span_name, span_status};
