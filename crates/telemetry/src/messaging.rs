//! Spans of messages, by the messaging semantic conventions.

use crate::semconv;
use crate::trace::{SpanBuilder, SpanKind, Template};

/// The spans of one topic's messages. What they share is encoded once and lives as
/// long as the process: to be made for a topic, not for a message.
#[derive(Clone, Copy)]
pub struct MessageSpans(Template);

impl MessageSpans {
    /// `<topic> publish`: a message is handed to the broker.
    pub fn producer(topic: &str) -> Self {
        Self::new(topic, SpanKind::Producer, "publish", "send", &[])
    }

    /// `<topic> process`: a message takes effect.
    pub fn consumer(topic: &str, group: &str) -> Self {
        let group = (semconv::MESSAGING_CONSUMER_GROUP_NAME, group);
        Self::new(topic, SpanKind::Consumer, "process", "process", &[group])
    }

    fn new(
        topic: &str,
        kind: SpanKind,
        operation: &str,
        operation_type: &str,
        own: &[(&str, &str)],
    ) -> Self {
        let common = [
            (semconv::MESSAGING_SYSTEM, "kafka"),
            (semconv::MESSAGING_DESTINATION_NAME, topic),
            (semconv::MESSAGING_OPERATION_NAME, operation),
            (semconv::MESSAGING_OPERATION_TYPE, operation_type),
        ];
        let attributes = [&common[..], own].concat();
        Self(Template::new(
            &format!("{topic} {operation}"),
            kind,
            &attributes,
        ))
    }

    /// Begins the description of the span of one message.
    pub fn span(self) -> SpanBuilder {
        self.0.span()
    }
}
