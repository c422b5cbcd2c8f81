//! The task of one partition: takes up what waits in its queue, and hands it out
//! to work that goes on in parallel for different keys.

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rdkafka::Message;
use rdkafka::message::BorrowedMessage;
use telemetry::Span;

use super::assignment::{Assigned, Task};
use super::group::Group;
use super::job::{Alone, Batch, Ended, Job};
use super::waiting::{KeyHash, Waiting};
use super::work::Desk;
use super::{Effect, Effects, Envelope, Malformed, Outcome};

/// The most bytes in one transaction.
const BATCH_BYTES: usize = 1024 * 1024;
/// Transactions of one partition at once. The group has a bound besides.
const SLOTS: usize = 8;
/// What may be in hand: taken up and not done.
const MOST_IN_HAND: usize = 256;
const MOST_BYTES_IN_HAND: usize = 4 * BATCH_BYTES;
/// How far work may run ahead of the oldest message that is not done. After a
/// crash as much is delivered again.
const MOST_AHEAD: usize = 4096;
/// Looks at the queue this often even if nobody rang.
const SLOW_POLL: Duration = Duration::from_secs(1);

/// The group, and what its events do.
pub(super) struct Worker<E> {
    pub group: Arc<Group>,
    pub effects: E,
}

/// An event that was taken up.
pub struct Taken<'a> {
    /// The event.
    pub envelope: Envelope<'a>,
    /// `<topic> process`, for all attempts.
    pub span: Span,
    pub(super) started: Instant,
    /// What it came to in a commit whose answer was lost.
    pub(super) perhaps: Option<Outcome>,
}

impl Taken<'_> {
    /// The commit of this effect was not answered.
    pub(super) fn note(&mut self, effect: Effect) {
        if let Effect::Handled(outcome) = effect {
            self.perhaps.get_or_insert(outcome);
        }
    }

    /// What it came to in the end: known already, it had been that commit.
    pub(super) fn certain(&self, effect: Effect) -> Effect {
        match (effect, self.perhaps) {
            (Effect::Duplicate, Some(outcome)) => Effect::Handled(outcome),
            _ => effect,
        }
    }
}

/// A message in hand.
#[expect(clippy::large_enum_variant, reason = "nearly all are the large one")]
pub(super) enum Item<'a> {
    Event(Taken<'a>),
    /// No event: to be buried.
    Refused(BorrowedMessage<'a>, Malformed),
}

impl Item<'_> {
    pub fn bytes(&self) -> usize {
        match self {
            Self::Event(taken) => taken.envelope.body().len(),
            Self::Refused(message, _) => message.payload_len(),
        }
    }
}

/// The work on a partition until it is told to stop. Then no more is begun, what
/// is under way is finished, and what waits for another attempt is left.
pub(super) fn start<E: Effects>(worker: Arc<Worker<E>>, assigned: Assigned) -> Task {
    Box::pin(async move {
        let desk = Desk::new(&worker, &assigned);
        dispatch(&desk).await;
    })
}

async fn dispatch<E: Effects>(desk: &Desk<'_, E>) {
    let stop = &desk.assigned.stop;
    let mut hands = Hands::default();
    let mut running = FuturesUnordered::new();
    let mut batches = 0;
    loop {
        // Asked once: below, something must be waited for.
        let is_open = !stop.is_cancelled();
        if is_open {
            hands.take_up(desk);
        } else {
            hands.waiting.clear();
            if running.is_empty() {
                return;
            }
        }
        let may_begin = is_open && batches < SLOTS && hands.waiting.is_ready();
        tokio::select! {
            biased;
            Some(ended) = running.next(), if !running.is_empty() => {
                let Ended { was_batch, done, left } = ended;
                batches -= usize::from(was_batch);
                let left = hands.put_down(done, left);
                if is_open {
                    running.extend(left.into_iter().map(|alone| Box::pin(desk.work(alone, None))));
                }
            }
            // The batch is made when it may begin, and so has all that came
            // until then.
            Ok(permit) = desk.worker.group.permits.clone().acquire_owned(), if may_begin => {
                let batch = hands.batch(desk.pace.batch());
                let keys = batch.keys();
                let mut work = Box::pin(desk.work(Job::Batch(batch), Some(permit)));
                // An effect that waits for nothing is done here and now: nobody need
                // know that its keys were worked on.
                match std::future::poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await {
                    Poll::Ready(Ended { done, left, .. }) => {
                        let left = hands.put_down(done, left);
                        running.extend(left.into_iter().map(|alone| Box::pin(desk.work(alone, None))));
                    }
                    Poll::Pending => {
                        batches += 1;
                        hands.hold(keys);
                        running.push(work);
                    }
                }
            }
            () = desk.assigned.news.notified(), if is_open => {}
            () = stop.cancelled(), if is_open => {}
            () = tokio::time::sleep(SLOW_POLL), if is_open => {}
        }
    }
}

/// What was taken up and is not done.
#[derive(Default)]
struct Hands<'a> {
    waiting: Waiting<Item<'a>>,
    messages: usize,
    bytes: usize,
    /// Offsets and times of what is just being taken up.
    begun: Vec<(i64, DateTime<Utc>)>,
}

impl<'a> Hands<'a> {
    /// Takes up what is there, as long as there is room for it.
    fn take_up<E: Effects>(&mut self, desk: &Desk<'a, E>) {
        if self.messages == MOST_IN_HAND || self.bytes >= MOST_BYTES_IN_HAND {
            return;
        }
        let assigned = desk.assigned;
        let ahead = assigned.progress.offsets().ahead();
        // What is taken up at once has one time, and its bookkeeping is one step.
        let now = Instant::now();
        while self.messages < MOST_IN_HAND
            && self.bytes < MOST_BYTES_IN_HAND
            && ahead + self.begun.len() < MOST_AHEAD
        {
            let message = match assigned.queue.poll(Duration::ZERO) {
                Some(Ok(message)) => message,
                // The client goes on by itself; the polling thread counts it.
                Some(Err(error)) => {
                    tracing::debug!(%error, "partition_queue_error");
                    continue;
                }
                None => break,
            };
            let (offset, key) = (message.offset(), KeyHash::of(message.key()));
            let (time, item) = match Envelope::read(assigned.progress.topic, message) {
                Ok((envelope, cause)) => {
                    (envelope.time, Item::Event(desk.take(envelope, cause, now)))
                }
                Err((message, malformed)) => {
                    (produced_at(&message), Item::Refused(message, malformed))
                }
            };
            self.begun.push((offset, time));
            self.messages += 1;
            self.bytes += item.bytes();
            self.waiting.push(key, item);
        }
        if !self.begun.is_empty() {
            assigned.progress.begin(self.begun.iter().copied());
            service::planted!("offset_before_effect" => {
                assigned.progress.done(self.begun.iter().map(|(offset, _)| *offset));
            });
            self.begun.clear();
        }
    }

    /// A batch of what may begin.
    fn batch(&mut self, most: usize) -> Batch<'a> {
        let mut batch = Batch::new(most.min(self.messages));
        self.waiting
            .take(most, BATCH_BYTES, Item::bytes, |key, item| {
                batch.add(key, item);
            });
        batch
    }

    /// Work on these keys goes on.
    fn hold(&mut self, keys: Vec<KeyHash>) {
        for key in keys {
            self.waiting.hold(key);
        }
    }

    /// Puts down what is done, and answers what is to be gone on with, whose keys
    /// are still held.
    fn put_down(&mut self, done: Vec<(KeyHash, usize)>, left: Vec<Alone<'a>>) -> Vec<Job<'a>> {
        for (key, bytes) in done {
            self.waiting.release(key);
            self.messages -= 1;
            self.bytes -= bytes;
        }
        for alone in &left {
            self.waiting.hold(alone.key);
        }
        left.into_iter().map(Job::Alone).collect()
    }
}

fn produced_at(message: &BorrowedMessage<'_>) -> DateTime<Utc> {
    message
        .timestamp()
        .to_millis()
        .and_then(DateTime::from_timestamp_millis)
        .unwrap_or_else(Utc::now)
}
