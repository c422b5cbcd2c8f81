//! The work on messages in hand: a batch at once; if that fails, each key by
//! itself and its events one by one, so that a bad event costs its neighbours
//! nothing and a waiting one holds up its own key alone.

use std::slice;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::Utc;
use rdkafka::Message;
use rdkafka::message::BorrowedMessage;
use telemetry::{Context, Span};
use tokio::sync::OwnedSemaphorePermit;

use super::assignment::Assigned;
use super::job::{Alone, Batch, Ended, Job, by_key};
use super::pace::Pace;
use super::partition::{Taken, Worker};
use super::retry::{Failures, Next, Verdict};
use super::settle::{self, Settlement};
use super::{Effect, Effects, Envelope, Failure, HandlerError, Malformed, dead_letter};
use crate::backoff::Backoff;
use crate::cloudevents;
use crate::metrics::ConsumerSeries;

/// The partition is to be let go, and what was in hand is not done.
struct Abandoned;

/// Where the work on a partition is done.
pub(super) struct Desk<'a, E> {
    pub worker: &'a Worker<E>,
    pub assigned: &'a Assigned,
    pub pace: Pace,
    /// Pieces of work that wait for a dependency.
    paused: AtomicUsize,
}

impl<'a, E: Effects> Desk<'a, E> {
    pub fn new(worker: &'a Worker<E>, assigned: &'a Assigned) -> Self {
        Self {
            worker,
            assigned,
            pace: Pace::default(),
            paused: AtomicUsize::new(0),
        }
    }

    pub fn take(
        &self,
        envelope: Envelope<'a>,
        cause: Option<Context>,
        started: Instant,
    ) -> Taken<'a> {
        let mut span = self.span(cause, &envelope.message, started);
        if span.is_recorded() {
            span.set("messaging.message.id", envelope.id.to_string());
            span.set("messaging.message.type", envelope.event_type());
            if let Some(key) = envelope.key()
                && !envelope.topic.has_personal_keys()
            {
                span.set("messaging.message.conversation_id", key);
            }
        }
        Taken {
            envelope,
            span,
            started,
            perhaps: None,
        }
    }

    /// The span continues the publisher's trace, and links to it besides: one
    /// action is one trace, and the border stays visible.
    fn span(
        &self,
        cause: Option<Context>,
        message: &BorrowedMessage<'_>,
        started: Instant,
    ) -> Span {
        let mut builder = self.assigned.subscription.spans.span().at(started);
        if let Some(cause) = &cause {
            builder = builder.link(cause);
        }
        let mut span = builder.parent(cause).start();
        if span.is_recorded() {
            span.set(
                "messaging.destination.partition.id",
                message.partition().to_string(),
            );
            span.set("messaging.kafka.offset", message.offset());
        }
        span
    }

    /// Does a piece of work, if need be until the partition is let go.
    pub async fn work(&self, job: Job<'a>, permit: Option<OwnedSemaphorePermit>) -> Ended<'a> {
        match job {
            Job::Batch(batch) => self.together(batch, permit).await,
            Job::Alone(alone) => self.one_by_one(alone).await,
        }
    }

    /// All at once. While a dependency is away, all of it waits.
    async fn together(
        &self,
        batch: Batch<'a>,
        mut permit: Option<OwnedSemaphorePermit>,
    ) -> Ended<'a> {
        let mut ended = Ended {
            was_batch: true,
            ..Ended::default()
        };
        let Batch {
            keyed,
            mut events,
            refused,
        } = batch;
        let mut waits = None;
        let mut outage = Backoff::new(Duration::from_millis(200), Duration::from_secs(2));
        let applied = loop {
            let failure = match self.attempt(&events).await {
                Ok(effects) => break Ok(effects),
                Err(failure) => failure,
            };
            for (taken, effect) in events.iter_mut().zip(failure.uncertain) {
                taken.note(effect);
            }
            if !matches!(failure.error, HandlerError::Unavailable { .. }) {
                break Err(());
            }
            self.count_error(failure.error.cause());
            self.lost(&failure.error, &mut waits);
            drop(permit.take());
            if self.wait(outage.next_delay()).await.is_err() {
                return ended;
            }
            let Ok(again) = self.permit().await else {
                return ended;
            };
            permit = again;
        };
        drop((permit, waits));
        match applied {
            Ok(effects) => {
                let mut settlement = self.settlement(events.len());
                for (taken, effect) in events.iter_mut().zip(effects) {
                    settlement.tell(&self.worker.effects, taken, effect).await;
                }
                ended.done = keyed;
            }
            Err(()) => {
                let events = keyed.into_iter().zip(events);
                ended.left = by_key(events.map(|((key, _), taken)| (key, taken)));
            }
        }
        for (key, message, malformed) in refused {
            let bytes = message.payload_len();
            if self.refuse(message, malformed).await.is_err() {
                return ended;
            }
            ended.done.push((key, bytes));
        }
        ended
    }

    async fn one_by_one(&self, alone: Alone<'a>) -> Ended<'a> {
        let mut ended = Ended::default();
        for taken in alone.events {
            let bytes = taken.envelope.body().len();
            if self.retry(taken).await.is_err() {
                break;
            }
            ended.done.push((alone.key, bytes));
        }
        ended
    }

    async fn retry(&self, mut taken: Taken<'_>) -> Result<(), Abandoned> {
        let group = &self.worker.group;
        let mut failures = Failures::new(group.settings.budget);
        let mut waits = None;
        loop {
            let permit = self.permit().await?;
            let attempted = self.attempt(slice::from_ref(&taken)).await;
            drop(permit);
            let failure = match attempted {
                Ok(effects) => {
                    let effect = effects.first().copied().unwrap_or(Effect::Duplicate);
                    let mut settlement = self.settlement(1);
                    settlement
                        .tell(&self.worker.effects, &mut taken, effect)
                        .await;
                    return Ok(());
                }
                Err(failure) => failure,
            };
            for effect in failure.uncertain {
                taken.note(effect);
            }
            self.count_error(failure.error.cause());
            match failures.add(&failure.error, Utc::now()) {
                Next::Retry(delay) => {
                    waits = None;
                    taken.span.event("retry");
                    self.wait(delay).await?;
                }
                Next::Pause(delay) => {
                    self.lost(&failure.error, &mut waits);
                    self.wait(delay).await?;
                }
                Next::DeadLetter(verdict) => {
                    let Taken {
                        envelope,
                        span,
                        started,
                        ..
                    } = taken;
                    return self.bury(envelope.message, span, started, verdict).await;
                }
            }
        }
    }

    async fn attempt(&self, events: &[Taken<'_>]) -> Result<Vec<Effect>, Failure> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let started = Instant::now();
        let effects = self.worker.effects.apply(events).await?;
        self.pace.took(events.len(), started.elapsed());
        self.worker.group.handler_succeeded();
        Ok(effects)
    }

    /// A message that is no event.
    async fn refuse(
        &self,
        message: BorrowedMessage<'_>,
        malformed: Malformed,
    ) -> Result<(), Abandoned> {
        let started = Instant::now();
        let cause = cloudevents::read_context(message.headers());
        let span = self.span(cause, &message, started);
        self.count_error(malformed.cause());
        let verdict = Verdict::at_once(malformed.cause(), malformed.to_string());
        self.bury(message, span, started, verdict).await
    }

    /// Moves a message to the dead letters. Until it is there, its key does not
    /// go on.
    async fn bury(
        &self,
        message: BorrowedMessage<'_>,
        mut span: Span,
        started: Instant,
        verdict: Verdict,
    ) -> Result<(), Abandoned> {
        service::planted!("dead_letter_dropped" => {
            self.assigned.progress.done([message.offset()]);
            return Ok(());
        });
        let group = &self.worker.group;
        let topic = self.assigned.progress.topic;
        span.error(verdict.cause);
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        loop {
            let sent = match group.dead_letters().await {
                Ok(producer) => {
                    let sending = dead_letter::send(producer, topic, &message, &verdict);
                    self.unless_stopped(span.scope(sending)).await?
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
        let series = self.series();
        span.scope(settle::buried(series, topic, &message, started, &verdict))
            .await;
        self.assigned.progress.done([message.offset()]);
        Ok(())
    }

    /// The effect of up to `events` is committed.
    fn settlement(&self, events: usize) -> Settlement<'_> {
        Settlement::new(&self.assigned.progress, self.series(), events)
    }

    fn series(&self) -> &ConsumerSeries {
        &self.assigned.subscription.series
    }

    fn count_error(&self, cause: &str) {
        self.series().count_error(cause);
    }

    fn lost<'p>(&'p self, error: &HandlerError, waits: &mut Option<Paused<'p>>) {
        let group = &self.worker.group;
        group.lost(error.cause(), error.detail());
        waits.get_or_insert_with(|| Paused::new(&self.paused, &group.totals.paused));
    }

    /// Leave to open a transaction.
    async fn permit(&self) -> Result<Option<OwnedSemaphorePermit>, Abandoned> {
        let permits = self.worker.group.permits.clone();
        // Nobody closes the semaphore.
        self.unless_stopped(permits.acquire_owned())
            .await
            .map(Result::ok)
    }

    async fn wait(&self, delay: Duration) -> Result<(), Abandoned> {
        self.unless_stopped(tokio::time::sleep(delay)).await
    }

    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Abandoned> {
        let stop = &self.assigned.stop;
        stop.run_until_cancelled(work).await.ok_or(Abandoned)
    }
}

/// Shows in the gauge that the partition waits for a dependency, however many
/// pieces of its work do.
struct Paused<'a> {
    waiting: &'a AtomicUsize,
    gauge: &'a metrics::Gauge,
}

impl<'a> Paused<'a> {
    fn new(waiting: &'a AtomicUsize, gauge: &'a metrics::Gauge) -> Self {
        if waiting.fetch_add(1, Ordering::Relaxed) == 0 {
            gauge.increment(1.0);
        }
        Self { waiting, gauge }
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        if self.waiting.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.gauge.decrement(1.0);
        }
    }
}
