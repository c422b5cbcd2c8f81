//! What travels between gateways: a finished frame and what to know about it.

use axum::extract::ws::Utf8Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use telemetry::Context;
use uuid::Uuid;

use crate::socket::protocol::{Kind, ServerFrame};
use crate::socket::queue::Outgoing;

/// A frame with its trace, written once and read by every gateway.
#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// Which frame it is.
    pub kind: Kind,
    /// The trace it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// A socket that has it already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub except: Option<Uuid>,
    /// The notification to mark as delivered once it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification: Option<Uuid>,
    /// The frame as the client gets it.
    frame: Box<RawValue>,
}

impl Envelope {
    /// Wraps `frame`, which belongs to the trace `traceparent`.
    #[must_use]
    pub fn new(frame: &ServerFrame<'_>, traceparent: Option<String>) -> Self {
        Self {
            kind: frame.kind(),
            traceparent,
            except: None,
            notification: None,
            frame: raw(frame),
        }
    }

    /// Reads an envelope from the bus.
    ///
    /// # Errors
    /// When it is none, for instance from a version to come.
    pub fn decode(payload: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(payload)
    }

    /// The envelope as it travels.
    #[must_use]
    pub fn encode(&self) -> String {
        // Plain data with string keys: serialising cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The frame as a socket's queue takes it.
    #[must_use]
    pub fn outgoing(&self) -> Outgoing {
        Outgoing {
            text: Utf8Bytes::from(self.frame.get().to_owned()),
            kind: self.kind,
            trace: self.traceparent.as_deref().and_then(Context::parse),
            notification: self.notification,
        }
    }
}

fn raw(frame: &ServerFrame<'_>) -> Box<RawValue> {
    // As above; and null rather than a panic, should it ever.
    serde_json::value::to_raw_value(frame).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_survives_the_journey_byte_by_byte() {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let frame = ServerFrame::Error {
            code: "x",
            detail: "🥛\n\"",
            client_id: None,
            traceparent: Some(trace),
        };
        let mut envelope = Envelope::new(&frame, Some(trace.to_owned()));
        envelope.except = Some(Uuid::nil());
        let payload = envelope.encode();
        let read = Envelope::decode(payload.as_bytes()).expect("an envelope");
        assert_eq!(
            read.outgoing().text,
            serde_json::to_string(&frame).expect("json")
        );
        assert_eq!((read.kind, read.except), (Kind::Error, Some(Uuid::nil())));
        assert_eq!(read.outgoing().trace.expect("a trace").traceparent(), trace);
        assert!(Envelope::decode(b"{}").is_err());
    }
}
