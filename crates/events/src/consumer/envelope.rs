//! A message that was read as an event.

use chrono::{DateTime, Utc};
use rdkafka::Message;
use telemetry::Context;
use uuid::Uuid;

use crate::cloudevents::{self, HeaderError};
use crate::contracts::{self, Contract, ContractError};
use crate::topics::Topic;

/// An event, where it came from, and who published it.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Its topic.
    pub topic: Topic,
    /// Its partition.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: i64,
    /// Its key, if that is text.
    pub key: Option<String>,
    /// Its identity.
    pub id: Uuid,
    /// Its versioned type.
    pub event_type: String,
    /// Who made it.
    pub source: String,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// The span that published it.
    pub context: Option<Context>,
    /// Whether it was a dead letter before.
    pub redriven: bool,
    /// Its data.
    pub body: Vec<u8>,
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

impl Envelope {
    /// Reads a message of `topic`.
    pub fn read<M: Message>(topic: Topic, message: &M) -> Result<Self, Malformed> {
        let headers = message.headers();
        let attributes = cloudevents::read(headers)?;
        let body = message.payload().ok_or(Malformed::NoBody)?;
        Ok(Self {
            topic,
            partition: message.partition(),
            offset: message.offset(),
            key: message
                .key()
                .and_then(|key| std::str::from_utf8(key).ok())
                .map(str::to_owned),
            id: attributes.id,
            event_type: attributes.event_type,
            source: attributes.source,
            time: attributes.time,
            context: attributes.context,
            redriven: attributes.redriven,
            body: body.to_vec(),
        })
    }

    /// The event in it, by its contract.
    pub fn event<T: Contract>(&self) -> Result<T, ContractError> {
        contracts::decode(&self.event_type, &self.body)
    }
}
