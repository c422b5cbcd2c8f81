//! Customers who write, on every channel: what the gateway's webhooks will publish.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Kafka, Record, SystemBuilder};

/// Feeds `chat.inbound.v1`.
pub struct Channels {
    kafka: Kafka,
    topic: String,
}

/// A message of a customer, to be sent as it is or after a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Inbound {
    /// The event's body.
    pub body: Value,
}

impl Inbound {
    /// A message that has just come.
    pub fn new(channel: &str, handle: &str, text: &str) -> Self {
        Self {
            body: json!({
                "id": Uuid::now_v7(),
                "channel": channel,
                "handle": handle,
                "also_known_as": [],
                "subject": null,
                "text": text,
                "received_at": chrono::Utc::now(),
            }),
        }
    }

    /// With another handle of the sender, which the channel vouches for or not.
    ///
    /// # Panics
    /// When the body was made into something else.
    #[must_use]
    pub fn alias(mut self, kind: &str, handle: &str, verified: bool) -> Self {
        let aliases = self.body["also_known_as"].as_array_mut().expect("a list");
        aliases.push(json!({"kind": kind, "handle": handle, "verified": verified}));
        self
    }

    /// With a field set to something else.
    #[must_use]
    pub fn set(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.body[field] = value.into();
        self
    }

    /// The message's id.
    ///
    /// # Panics
    /// When it has none.
    pub fn id(&self) -> Uuid {
        serde_json::from_value(self.body["id"].clone()).expect("an id")
    }

    /// The message as the gateway would publish it.
    pub fn record(&self) -> Record {
        let key = self.body["handle"].as_str().unwrap_or_default();
        let source = "/glasshouse/chat-gateway";
        Record::event(key, "chat.inbound.received.v1", source, &self.body)
    }
}

impl Channels {
    /// The channels of a system.
    pub fn new(parts: &SystemBuilder) -> Self {
        Self {
            kafka: Kafka::new(&parts.backing.kafka),
            topic: format!("{}chat.inbound.v1", parts.prefix),
        }
    }

    /// Publishes a message, and answers its id.
    ///
    /// # Panics
    /// When the broker refuses it.
    pub async fn send(&self, message: &Inbound) -> Uuid {
        self.kafka.send(&self.topic, &message.record()).await;
        message.id()
    }

    /// Publishes whatever it is: its partition and offset.
    ///
    /// # Panics
    /// When the broker refuses it.
    pub async fn send_record(&self, record: &Record) -> (i32, i64) {
        self.kafka.send(&self.topic, record).await
    }
}
