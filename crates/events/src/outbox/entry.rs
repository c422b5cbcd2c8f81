//! One event on its way into the outbox.

use uuid::Uuid;

use crate::contracts::Event;

/// The largest body an entry may have. The broker takes messages of 1,000,000
/// bytes (`message.max.bytes`); what is left is for key and headers, and for the
/// headers that a dead letter adds.
pub const MAX_BODY_BYTES: usize = 1_000_000 - 32 * 1024;

/// A row of the outbox, to be bound by the statement that changes the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The CloudEvents id; time-ordered, so that its index stays compact.
    pub id: Uuid,
    /// Logical topic name; the relay puts the prefix in front.
    pub topic: String,
    /// What keeps its order.
    pub key: String,
    /// The CloudEvents type.
    pub event_type: &'static str,
    /// The CloudEvents source.
    pub source: &'static str,
    /// The context that caused it, so that the relay can continue its trace.
    pub traceparent: Option<String>,
    /// JSON.
    pub body: Vec<u8>,
}

/// Why an event cannot become an entry.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// The broker would refuse it, and the row would never leave the outbox:
    /// the caller must refuse the work instead (413).
    #[error("the event has {size} bytes, {MAX_BODY_BYTES} are allowed")]
    TooLarge {
        /// Bytes of the body.
        size: usize,
    },
    /// A contract that cannot be written as JSON: a defect of the contract.
    #[error("the event cannot be written as JSON")]
    Unserializable(#[from] serde_json::Error),
}

impl Entry {
    /// Makes an entry of `event`, within the current trace.
    pub fn new<E: Event>(event: &E) -> Result<Self, EntryError> {
        let body = serde_json::to_vec(event)?;
        if body.len() > MAX_BODY_BYTES {
            return Err(EntryError::TooLarge { size: body.len() });
        }
        Ok(Self {
            id: Uuid::now_v7(),
            topic: event.topic().name().to_owned(),
            key: event.key(),
            event_type: event.event_type(),
            source: event.source(),
            traceparent: telemetry::current().map(|context| context.traceparent()),
            body,
        })
    }
}
