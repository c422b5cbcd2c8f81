//! Spans of messages, by the messaging semantic conventions.

use crate::semconv;
use crate::trace::{SpanBuilder, SpanKind, span};

/// `<topic> publish`: a message is handed to the broker.
pub fn producer(topic: &str) -> SpanBuilder {
    message(topic, "publish", "send").kind(SpanKind::Producer)
}

/// `<topic> process`: a message takes effect.
pub fn consumer(topic: &str, group: &str) -> SpanBuilder {
    message(topic, "process", "process")
        .kind(SpanKind::Consumer)
        .attribute(semconv::MESSAGING_CONSUMER_GROUP_NAME, group)
}

fn message(topic: &str, operation: &'static str, operation_type: &'static str) -> SpanBuilder {
    span(format!("{topic} {operation}"))
        .attribute(semconv::MESSAGING_SYSTEM, "kafka")
        .attribute(semconv::MESSAGING_DESTINATION_NAME, topic)
        .attribute(semconv::MESSAGING_OPERATION_NAME, operation)
        .attribute(semconv::MESSAGING_OPERATION_TYPE, operation_type)
}
