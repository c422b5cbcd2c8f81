//! What is told of a message that needs no more work: its span, its line in the
//! log, its figures.

use std::time::{Duration, Instant};

use chrono::Utc;
use rdkafka::Message;
use rdkafka::message::BorrowedMessage;

use super::retry::Verdict;
use super::{Effect, Envelope, Outcome, Taken};
use crate::metrics::ConsumerSeries;
use crate::topics::Topic;

/// An event took effect, or had done so before.
pub(super) async fn done(series: Option<&ConsumerSeries>, taken: Taken<'_>, effect: Effect) {
    let Taken {
        message,
        envelope,
        mut span,
        started,
        perhaps: _,
    } = taken;
    let status = match effect {
        Effect::Handled(Outcome::Done | Outcome::Ignored) => "success",
        Effect::Handled(Outcome::Failed) => "failure",
        Effect::Duplicate => "duplicate",
    };
    let elapsed = started.elapsed();
    span.set("messaging.message.status", status);
    let line = async {
        tracing::info!(
            topic = envelope.topic.name(),
            partition = message.partition(),
            offset = message.offset(),
            status,
            duration_ms = elapsed.as_millis() as u64,
            message_size_bytes = envelope.body.len(),
            "consumer_event"
        );
    };
    span.scope(line).await;
    if let Some(series) = series {
        count(series, &envelope, effect, elapsed);
    }
}

fn count(series: &ConsumerSeries, envelope: &Envelope, effect: Effect, elapsed: Duration) {
    series.bytes.increment(envelope.body.len() as u64);
    match effect {
        Effect::Handled(Outcome::Failed) => series.failure.increment(1),
        Effect::Handled(_) => series.success.increment(1),
        Effect::Duplicate => {
            series.duplicates.increment(1);
            return;
        }
    }
    if envelope.redriven {
        series.redriven.increment(1);
    }
    series.latency.record(elapsed);
    let age = (Utc::now() - envelope.time).to_std().unwrap_or_default();
    series.end_to_end.record(age);
}

/// A message lies with the dead letters. To be called within its span.
pub(super) async fn buried(
    series: Option<&ConsumerSeries>,
    topic: Topic,
    message: &BorrowedMessage<'_>,
    started: Instant,
    verdict: &Verdict,
) {
    let elapsed = started.elapsed();
    tracing::warn!(
        topic = topic.name(),
        partition = message.partition(),
        offset = message.offset(),
        status = "error",
        cause = verdict.cause,
        attempts = verdict.attempts,
        duration_ms = elapsed.as_millis() as u64,
        message_size_bytes = message.payload_len(),
        "consumer_event"
    );
    if let Some(series) = series {
        series.error.increment(1);
        series.dead_letters.increment(1);
        series.bytes.increment(message.payload_len() as u64);
        series.latency.record(elapsed);
    }
}
