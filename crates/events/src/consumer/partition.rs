//! The task of one partition: takes up what waits in its queue, in order.

use std::slice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rdkafka::Message;
use rdkafka::message::BorrowedMessage;
use telemetry::Span;

use super::assignment::{Assigned, Task};
use super::effect::{self, Effect};
use super::group::Group;
use super::retry::{Failures, Next, Verdict};
use super::{Envelope, Handler, Malformed, Outcome, dead_letter};
use crate::backoff::Backoff;
use crate::cloudevents;
use crate::metrics::ConsumerSeries;

/// The most events in one transaction.
const BATCH: usize = 64;
/// The most bytes in one transaction.
const BATCH_BYTES: usize = 1024 * 1024;
/// Looks at the queue this often even if nobody rang.
const SLOW_POLL: Duration = Duration::from_secs(1);

/// The group and its handler.
pub(super) struct Worker<H> {
    pub group: Arc<Group>,
    pub handler: H,
}

impl<H> Worker<H> {
    pub fn new(group: Arc<Group>, handler: H) -> Self {
        Self { group, handler }
    }
}

/// An event that was taken up.
pub(super) struct Taken<'a> {
    message: BorrowedMessage<'a>,
    pub envelope: Envelope,
    /// `<topic> process`, for all attempts.
    pub span: Span,
    started: Instant,
}

/// The partition is to be let go, and what was in hand is not done.
struct Abandoned;

/// The work on a partition until it is told to stop.
pub(super) fn start<H: Handler>(worker: Arc<Worker<H>>, assigned: Assigned) -> Task {
    Box::pin(async move {
        let lane = Lane {
            worker: &worker,
            assigned: &assigned,
        };
        while let Some(batch) = next(&assigned).await {
            if lane.process(batch).await.is_err() {
                break;
            }
        }
    })
}

/// What waits, as soon as something does. None when it is time to stop.
async fn next(assigned: &Assigned) -> Option<Vec<BorrowedMessage<'_>>> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    loop {
        if assigned.stop.is_cancelled() {
            return None;
        }
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            match assigned.queue.poll(Duration::ZERO) {
                Some(Ok(message)) => {
                    bytes += message.payload_len();
                    batch.push(message);
                }
                // The client goes on by itself; the polling thread counts it.
                Some(Err(error)) => tracing::debug!(%error, "partition_queue_error"),
                None => break,
            }
        }
        if !batch.is_empty() {
            return Some(batch);
        }
        tokio::select! {
            () = assigned.news.notified() => {}
            () = assigned.stop.cancelled() => {}
            () = tokio::time::sleep(SLOW_POLL) => {}
        }
    }
}

struct Lane<'a, H> {
    worker: &'a Worker<H>,
    assigned: &'a Assigned,
}

impl<H: Handler> Lane<'_, H> {
    async fn process(&self, messages: Vec<BorrowedMessage<'_>>) -> Result<(), Abandoned> {
        let topic = self.assigned.progress.topic;
        let mut events = Vec::with_capacity(messages.len());
        let read: Vec<_> = messages
            .into_iter()
            .map(|message| {
                let envelope = Envelope::read(topic, &message);
                let time = envelope
                    .as_ref()
                    .map_or_else(|_| produced_at(&message), |e| e.time);
                self.assigned.progress.begin(message.offset(), time);
                (message, envelope)
            })
            .collect();
        for (message, envelope) in read {
            match envelope {
                Ok(envelope) => events.push(self.take(message, envelope)),
                Err(malformed) => {
                    self.apply(std::mem::take(&mut events)).await?;
                    self.refuse(message, malformed).await?;
                }
            }
        }
        self.apply(events).await
    }

    fn take<'m>(&self, message: BorrowedMessage<'m>, envelope: Envelope) -> Taken<'m> {
        let mut span = self.span(envelope.context.clone(), &message);
        span.set("messaging.message.id", envelope.id.to_string());
        span.set("messaging.message.type", envelope.event_type.clone());
        if let Some(key) = &envelope.key {
            span.set("messaging.message.conversation_id", key.clone());
        }
        Taken {
            message,
            envelope,
            span,
            started: Instant::now(),
        }
    }

    /// The span continues the publisher's trace, and links to it besides: one
    /// action is one trace, and the border stays visible.
    fn span(&self, context: Option<telemetry::Context>, message: &BorrowedMessage<'_>) -> Span {
        let settings = &self.worker.group.settings;
        let name = self.assigned.progress.topic.name();
        let mut builder = telemetry::messaging::consumer(name, &settings.group);
        if let Some(cause) = &context {
            builder = builder.link(cause);
        }
        let mut span = builder.parent(context).start();
        span.set(
            "messaging.destination.partition.id",
            message.partition().to_string(),
        );
        span.set("messaging.kafka.offset", message.offset());
        span
    }

    /// All at once; if that fails, one by one.
    async fn apply(&self, events: Vec<Taken<'_>>) -> Result<(), Abandoned> {
        let mut uncertain = false;
        if events.len() > 1 {
            match effect::apply(self.worker, &events).await {
                Ok(effects) => {
                    self.worker.group.handler_succeeded();
                    for (taken, effect) in events.into_iter().zip(effects) {
                        self.settle(taken, effect).await;
                    }
                    return Ok(());
                }
                Err(failure) => uncertain = failure.uncertain,
            }
        }
        for taken in events {
            self.apply_alone(taken, uncertain).await?;
        }
        Ok(())
    }

    async fn apply_alone(
        &self,
        mut taken: Taken<'_>,
        mut uncertain: bool,
    ) -> Result<(), Abandoned> {
        let group = &self.worker.group;
        let mut failures = Failures::new(group.settings.budget);
        let mut paused = None;
        loop {
            let failure = match effect::apply(self.worker, slice::from_ref(&taken)).await {
                Ok(effects) => {
                    group.handler_succeeded();
                    let effect = match effects.first() {
                        // The commit whose answer was lost had been one.
                        Some(Effect::Duplicate) if uncertain => Effect::Handled(Outcome::Done),
                        Some(effect) => *effect,
                        None => Effect::Duplicate,
                    };
                    self.settle(taken, effect).await;
                    return Ok(());
                }
                Err(failure) => failure,
            };
            uncertain |= failure.uncertain;
            let error = failure.error;
            if let Some(series) = self.series() {
                series.count_error(error.cause());
            }
            match failures.add(&error, Utc::now()) {
                Next::Retry(delay) => {
                    taken.span.event("retry");
                    self.wait(delay).await?;
                }
                Next::Pause(delay) => {
                    group.lost(error.cause(), error.detail());
                    paused.get_or_insert_with(|| Paused::new(group));
                    self.wait(delay).await?;
                }
                Next::DeadLetter(verdict) => {
                    let Taken {
                        message,
                        span,
                        started,
                        ..
                    } = taken;
                    return self.bury(message, span, started, verdict).await;
                }
            }
        }
    }

    /// A message that is no event.
    async fn refuse(
        &self,
        message: BorrowedMessage<'_>,
        malformed: Malformed,
    ) -> Result<(), Abandoned> {
        let span = self.span(cloudevents::read_context(message.headers()), &message);
        if let Some(series) = self.series() {
            series.count_error(malformed.cause());
        }
        let verdict = Verdict::at_once(malformed.cause(), malformed.to_string());
        self.bury(message, span, Instant::now(), verdict).await
    }

    /// Moves a message to the dead letters. Until it is there, the partition
    /// does not go on.
    async fn bury(
        &self,
        message: BorrowedMessage<'_>,
        mut span: Span,
        started: Instant,
        verdict: Verdict,
    ) -> Result<(), Abandoned> {
        let group = &self.worker.group;
        let topic = self.assigned.progress.topic;
        span.error(verdict.cause);
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        loop {
            let sent = match group.dead_letters().await {
                Ok(producer) => {
                    let sending = dead_letter::send(producer, topic, &message, &verdict);
                    span.scope(sending).await
                }
                Err(error) => Err(error),
            };
            let Err(error) = sent else { break };
            tracing::warn!(
                topic = topic.dead_letters(),
                error_type = error.kind(),
                "dead_letter_not_sent"
            );
            self.wait(backoff.next_delay()).await?;
        }
        let line = async {
            tracing::warn!(
                topic = topic.name(),
                partition = message.partition(),
                offset = message.offset(),
                status = "error",
                cause = verdict.cause,
                attempts = verdict.attempts,
                duration_ms = started.elapsed().as_millis() as u64,
                message_size_bytes = message.payload_len(),
                "consumer_event"
            );
        };
        span.scope(line).await;
        if let Some(series) = self.series() {
            series.error.increment(1);
            series.dead_letters.increment(1);
            series.bytes.increment(message.payload_len() as u64);
            series.latency.record(started.elapsed());
        }
        self.assigned.progress.done(message.offset());
        Ok(())
    }

    /// The effect is committed: tells everyone, and moves the position.
    async fn settle(&self, taken: Taken<'_>, effect: Effect) {
        let Taken {
            message,
            envelope,
            mut span,
            started,
        } = taken;
        let status = match effect {
            Effect::Handled(Outcome::Done | Outcome::Ignored) => "success",
            Effect::Handled(Outcome::Failed) => "failure",
            Effect::Duplicate => "duplicate",
        };
        if matches!(effect, Effect::Handled(_)) {
            span.scope(self.worker.handler.committed(&envelope)).await;
        }
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
        if let Some(series) = self.series() {
            count(series, &envelope, effect, elapsed);
        }
        self.assigned.progress.done(message.offset());
    }

    fn series(&self) -> Option<&ConsumerSeries> {
        self.worker.group.series(self.assigned.progress.topic)
    }

    async fn wait(&self, delay: Duration) -> Result<(), Abandoned> {
        tokio::select! {
            () = tokio::time::sleep(delay) => Ok(()),
            () = self.assigned.stop.cancelled() => Err(Abandoned),
        }
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

/// Shows in the gauge that consumption waits for a dependency.
struct Paused<'a>(&'a Group);

impl<'a> Paused<'a> {
    fn new(group: &'a Group) -> Self {
        group.totals.paused.increment(1.0);
        Self(group)
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        self.0.totals.paused.decrement(1.0);
    }
}

fn produced_at(message: &BorrowedMessage<'_>) -> DateTime<Utc> {
    message
        .timestamp()
        .to_millis()
        .and_then(DateTime::from_timestamp_millis)
        .unwrap_or_else(Utc::now)
}
