//! Why a message was not sent.

use rdkafka::error::KafkaError;

use crate::client::error_type;

/// A message that was not sent, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProduceError {
    /// It is this message that is refused: no other attempt will help.
    #[error("the message was refused: {detail}")]
    Refused {
        /// A bounded name for metrics.
        kind: &'static str,
        /// What the client said.
        detail: String,
    },
    /// It did not work; it may another time.
    #[error("the message was not delivered: {detail}")]
    Failed {
        /// A bounded name for metrics.
        kind: &'static str,
        /// What the client said.
        detail: String,
    },
    /// The producer ended before the broker answered.
    #[error("the producer was stopped")]
    Stopped,
}

impl ProduceError {
    /// A bounded name for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Refused { kind, .. } | Self::Failed { kind, .. } => kind,
            Self::Stopped => "other",
        }
    }
}

impl From<KafkaError> for ProduceError {
    fn from(error: KafkaError) -> Self {
        Self::from(&error)
    }
}

impl From<&KafkaError> for ProduceError {
    fn from(error: &KafkaError) -> Self {
        let kind = error_type(error);
        let detail = error.to_string();
        match kind {
            "message_too_large" | "invalid_message" => Self::Refused { kind, detail },
            _ => Self::Failed { kind, detail },
        }
    }
}
