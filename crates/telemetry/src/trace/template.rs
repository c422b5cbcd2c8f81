//! What all spans of one sort share, encoded once.

use super::span::{SpanBuilder, SpanKind};
use crate::otlp::{SPAN_ATTRIBUTE, Value, attribute, span_kind, span_name};

/// Name, kind and constant attributes of a query's or a route's spans. It lives
/// as long as the process, as they do, so that no span copies it before it
/// ends.
#[derive(Clone, Copy)]
pub(crate) struct Template(&'static [u8]);

impl Template {
    pub(crate) fn new(name: &str, kind: SpanKind, attributes: &[(&str, &str)]) -> Self {
        let mut encoded = Vec::new();
        span_name(&mut encoded, name);
        span_kind(&mut encoded, kind);
        for (name, value) in attributes {
            attribute(&mut encoded, SPAN_ATTRIBUTE, name, Value::Text(value));
        }
        Self(encoded.leak())
    }

    /// Begins the description of such a span.
    pub(crate) fn span(self) -> SpanBuilder {
        SpanBuilder::of(self.0)
    }
}
