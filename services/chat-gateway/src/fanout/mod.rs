//! Carries frames to every gateway that has a listener for them.
//!
//! What must not be lost is in PostgreSQL before it comes here; this is the
//! fast path on top: publish once, and each process hands the frame to its own
//! sockets. The bus behind it is Redis, or this one process without it.

mod envelope;
mod local;
mod redis;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use telemetry::SpanKind;
use uuid::Uuid;

pub use self::envelope::Envelope;
pub use self::local::Local;
pub use self::redis::{Redis, Subscriber};
use crate::metrics;
use crate::socket::Registry;

/// Who hears a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Everybody who joined the room.
    Room(Uuid),
    /// Every socket of the user.
    User(Uuid),
}

impl std::fmt::Display for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Room(id) => write!(f, "room:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
        }
    }
}

impl Channel {
    /// Reads what `Display` wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("room", id) => Uuid::try_parse(id).ok().map(Self::Room),
            ("user", id) => Uuid::try_parse(id).ok().map(Self::User),
            _ => None,
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::Room(_) => "room",
            Self::User(_) => "user",
        }
    }
}

/// Where a published envelope goes.
pub trait Bus: Send + Sync + 'static {
    /// Hands `payload` to every process that listens to `channel`.
    fn publish(&self, channel: Channel, payload: String) -> BoxFuture<'_, Result<(), String>>;
}

/// Publishes frames, and delivers here what the bus cannot carry.
#[derive(Clone)]
pub struct Fanout {
    bus: Arc<dyn Bus>,
    registry: Arc<Registry>,
}

impl Fanout {
    /// A fan-out over `bus`.
    #[must_use]
    pub fn new(bus: Arc<dyn Bus>, registry: Arc<Registry>) -> Self {
        Self { bus, registry }
    }

    /// Sends a frame to every listener of `channel`, wherever it is. When the
    /// bus is away, at least those of this process get it.
    pub async fn publish(&self, channel: Channel, envelope: &Envelope) {
        let mut span = telemetry::span("fanout.publish")
            .kind(SpanKind::Producer)
            .attribute("messaging.system", "redis")
            .attribute("messaging.operation.type", "send")
            .attribute("messaging.destination.template", channel.template())
            .start();
        match span
            .scope(self.bus.publish(channel, envelope.encode()))
            .await
        {
            Ok(()) => metrics::FANOUT_PUBLISHED.increment(1),
            Err(cause) => {
                metrics::FANOUT_FAILED.increment(1);
                span.error("publish_failed");
                tracing::warn!(error = %cause, channel = channel.template(), "fanout_failed");
                self.registry
                    .deliver(channel, &envelope.outgoing(), envelope.except);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_read_what_they_write() {
        for channel in [Channel::Room(Uuid::new_v4()), Channel::User(Uuid::new_v4())] {
            assert_eq!(Channel::parse(&channel.to_string()), Some(channel));
        }
        assert_eq!(Channel::parse("room:general"), None);
        assert_eq!(Channel::parse("nonsense"), None);
    }
}
