//! What is told of a message that needs no more work: its span, its line in the
//! log, its figures.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rdkafka::Message;
use rdkafka::message::BorrowedMessage;

use super::progress::Progress;
use super::retry::Verdict;
use super::{Effect, Effects, Envelope, Outcome, Taken};
use crate::metrics::ConsumerSeries;
use crate::topics::Topic;

/// Events that took effect together, or had done so before. When it is dropped the
/// position moves over those that were told, and they are counted: also if the
/// partition was let go in the middle of the telling.
pub(super) struct Settlement<'a> {
    progress: &'a Progress,
    series: &'a ConsumerSeries,
    ended: Instant,
    ended_at: DateTime<Utc>,
    told: Vec<i64>,
    success: u64,
    failure: u64,
    duplicates: u64,
    redriven: u64,
    bytes: u64,
}

impl<'a> Settlement<'a> {
    /// The effect of up to `events` is there to stay, as of now.
    pub fn new(progress: &'a Progress, series: &'a ConsumerSeries, events: usize) -> Self {
        Self {
            progress,
            series,
            ended: Instant::now(),
            ended_at: Utc::now(),
            told: Vec::with_capacity(events),
            success: 0,
            failure: 0,
            duplicates: 0,
            redriven: 0,
            bytes: 0,
        }
    }

    /// Tells everyone of one of them.
    pub async fn tell(&mut self, effects: &impl Effects, taken: &mut Taken<'_>, effect: Effect) {
        let effect = taken.certain(effect);
        let status = match effect {
            Effect::Handled(Outcome::Done | Outcome::Ignored) => "success",
            Effect::Handled(Outcome::Failed) => "failure",
            Effect::Duplicate => "duplicate",
        };
        taken.span.set("messaging.message.status", status);
        let elapsed = self.ended.saturating_duration_since(taken.started);
        let Taken { envelope, span, .. } = taken;
        let telling = async {
            if matches!(effect, Effect::Handled(_)) {
                effects.committed(envelope).await;
            }
            tracing::info!(
                topic = envelope.topic.name(),
                partition = envelope.message.partition(),
                offset = envelope.message.offset(),
                status,
                duration_ms = elapsed.as_millis() as u64,
                message_size_bytes = envelope.body().len(),
                "consumer_event"
            );
        };
        span.scope(telling).await;
        if span.is_recorded() {
            span.ended(Instant::now());
        }
        self.count(envelope, effect, elapsed);
        self.told.push(envelope.message.offset());
    }

    fn count(&mut self, envelope: &Envelope<'_>, effect: Effect, elapsed: Duration) {
        self.bytes += envelope.body().len() as u64;
        match effect {
            Effect::Handled(Outcome::Failed) => self.failure += 1,
            Effect::Handled(_) => self.success += 1,
            Effect::Duplicate => {
                self.duplicates += 1;
                return;
            }
        }
        self.redriven += u64::from(envelope.redriven);
        self.series.latency.record(elapsed);
        let age = (self.ended_at - envelope.time).to_std().unwrap_or_default();
        self.series.end_to_end.record(age);
    }
}

impl Drop for Settlement<'_> {
    fn drop(&mut self) {
        let series = self.series;
        for (counter, number) in [
            (&series.success, self.success),
            (&series.failure, self.failure),
            (&series.duplicates, self.duplicates),
            (&series.redriven, self.redriven),
            (&series.bytes, self.bytes),
        ] {
            if number > 0 {
                counter.increment(number);
            }
        }
        self.progress.done(self.told.drain(..));
    }
}

/// A message lies with the dead letters. To be called within its span.
pub(super) async fn buried(
    series: &ConsumerSeries,
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
    series.error.increment(1);
    series.dead_letters.increment(1);
    series.bytes.increment(message.payload_len() as u64);
    series.latency.record(elapsed);
}
