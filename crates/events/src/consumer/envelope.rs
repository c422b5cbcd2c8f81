//! A message that was read as an event.

use chrono::{DateTime, Utc};
use rdkafka::Message;
use rdkafka::message::BorrowedMessage;
use telemetry::Context;
use uuid::Uuid;

use crate::cloudevents::{self, HeaderError};
use crate::contracts::{self, Contract, ContractError};
use crate::topics::Topic;

/// An event, as it lies in the message that brought it.
pub struct Envelope<'a> {
    pub(super) message: BorrowedMessage<'a>,
    /// Its topic.
    pub topic: Topic,
    /// Its identity.
    pub id: Uuid,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// Whether it was a dead letter before.
    pub redriven: bool,
}

/// Why a message is no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Nothing in it.
    #[error("the message has no body")]
    NoBody,
    /// Its headers are not those of an event.
    #[error(transparent)]
    Headers(#[from] HeaderError),
}

impl Malformed {
    /// A bounded name: the dead letter's cause and the metric's label.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::NoBody => "null_payload",
            Self::Headers(error) => error.cause(),
        }
    }
}

impl<'a> Envelope<'a> {
    /// Reads a message of `topic`: the event, and the span that published it. What
    /// is no event is given back.
    pub(super) fn read(
        topic: Topic,
        message: BorrowedMessage<'a>,
    ) -> Result<(Self, Option<Context>), (BorrowedMessage<'a>, Malformed)> {
        let attributes = match cloudevents::read(message.headers()) {
            Ok(attributes) if message.payload().is_some() => attributes,
            Ok(_) => return Err((message, Malformed::NoBody)),
            Err(error) => return Err((message, error.into())),
        };
        let (id, time, redriven) = (attributes.id, attributes.time, attributes.redriven);
        let context = attributes.context;
        let envelope = Self {
            message,
            topic,
            id,
            time,
            redriven,
        };
        Ok((envelope, context))
    }

    /// Its key, if that is text.
    pub fn key(&self) -> Option<&str> {
        std::str::from_utf8(self.message.key()?).ok()
    }

    /// Its versioned type.
    pub fn event_type(&self) -> &str {
        // It was there when the message was read.
        cloudevents::event_type(self.message.headers()).unwrap_or_default()
    }

    /// Its data.
    pub fn body(&self) -> &[u8] {
        self.message.payload().unwrap_or_default()
    }

    /// The event in it, by its contract.
    pub fn event<T: Contract>(&self) -> Result<T, ContractError> {
        contracts::decode(self.event_type(), self.body())
    }
}
