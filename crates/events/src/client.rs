//! What every Kafka client here has in common: its configuration, where
//! librdkafka's own log lines go, and bounded names for its errors.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// The largest message a client makes or asks for; the broker's default
/// (1,048,588) is a little above it.
pub(crate) const MESSAGE_MAX_BYTES: usize = 1_000_000;

/// A dead letter is its message and the headers that say why: whatever a topic
/// takes must fit, so dead-letter topics take more.
pub(crate) const DEAD_LETTER_MAX_BYTES: usize = 2_097_152;

/// Settings for any client. A broker that restarts must be found again soon, and
/// idle connections that a broker closes are no news.
pub(crate) fn config(brokers: &str, client_id: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("client.id", client_id)
        .set("message.max.bytes", MESSAGE_MAX_BYTES.to_string())
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "1000")
        .set("retry.backoff.ms", "50")
        .set("retry.backoff.max.ms", "1000")
        .set("socket.keepalive.enable", "true")
        .set("socket.nagle.disable", "true")
        .set("socket.timeout.ms", "30000")
        .set("topic.metadata.refresh.interval.ms", "30000")
        .set("topic.metadata.refresh.fast.interval.ms", "100")
        .set("log.connection.close", "false")
        .set_log_level(RDKafkaLogLevel::Info);
    config
}

/// While no broker answers, each client says so several times a second. One line
/// in this time is enough: the loss itself is told as `dependency_lost`.
const FAILURES_EVERY: Duration = Duration::from_secs(60);

/// Writes one of librdkafka's own lines to our log. It calls a lost connection
/// an error, though it reconnects by itself: that is a warning here.
pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, detail: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(facility, detail, "kafka_client_log");
        }
        _ if facility == "FAIL" && !is_time_for_failure() => {
            tracing::debug!(facility, detail, "kafka_client_log");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
            tracing::warn!(facility, detail, "kafka_client_log");
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(facility, detail, "kafka_client_log");
        }
        RDKafkaLogLevel::Debug => {
            tracing::debug!(facility, detail, "kafka_client_log");
        }
    }
}

fn is_time_for_failure() -> bool {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let is_time = last.is_none_or(|at| at.elapsed() > FAILURES_EVERY);
    if is_time {
        *last = Some(Instant::now());
    }
    is_time
}

/// The classes that errors of a producer are counted by.
pub(crate) const PRODUCER_ERRORS: &[&str] = &[
    "transport",
    "time_out",
    "unknown_topic",
    "not_authorized",
    "message_too_large",
    "invalid_message",
    "queue_full",
    "other",
];

/// The classes that errors of a consumer's client are counted by.
pub(crate) const CONSUMER_ERRORS: &[&str] = &[
    "transport",
    "time_out",
    "unknown_topic",
    "not_authorized",
    "group",
    "commit",
    "other",
];

/// The class of an error.
pub(crate) fn error_type(error: &KafkaError) -> &'static str {
    use RDKafkaErrorCode as Code;
    if matches!(error, KafkaError::ConsumerCommit(_)) {
        return "commit";
    }
    match error.rdkafka_error_code() {
        Some(
            Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::NetworkException
            | Code::BrokerNotAvailable
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend,
        ) => "transport",
        Some(
            Code::MessageTimedOut
            | Code::RequestTimedOut
            | Code::OperationTimedOut
            | Code::TimedOutQueue,
        ) => "time_out",
        Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition) => {
            "unknown_topic"
        }
        Some(
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::Authentication
            | Code::SaslAuthenticationFailed,
        ) => "not_authorized",
        Some(Code::MessageSizeTooLarge | Code::InvalidMessageSize) => "message_too_large",
        Some(
            Code::InvalidMessage | Code::BadMessage | Code::InvalidTopic | Code::InvalidRecord,
        ) => "invalid_message",
        Some(Code::QueueFull) => "queue_full",
        Some(
            Code::IllegalGeneration
            | Code::UnknownMemberId
            | Code::RebalanceInProgress
            | Code::MemberIdRequired
            | Code::FencedInstanceId
            | Code::PollExceeded
            | Code::NotCoordinator
            | Code::CoordinatorNotAvailable
            | Code::CoordinatorLoadInProgress,
        ) => "group",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_declared() {
        for (code, class) in [
            (RDKafkaErrorCode::AllBrokersDown, "transport"),
            (RDKafkaErrorCode::MessageTimedOut, "time_out"),
            (RDKafkaErrorCode::MessageSizeTooLarge, "message_too_large"),
            (RDKafkaErrorCode::UnknownTopic, "unknown_topic"),
            (RDKafkaErrorCode::Unknown, "other"),
        ] {
            let error = KafkaError::MessageProduction(code);
            assert_eq!(error_type(&error), class);
            assert!(PRODUCER_ERRORS.contains(&class));
        }
        let commit = KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset);
        assert_eq!(error_type(&commit), "commit");
        assert!(CONSUMER_ERRORS.contains(&"commit"));
    }
}
