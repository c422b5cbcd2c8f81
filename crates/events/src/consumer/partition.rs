//! The task of one partition: takes up what waits in its queue, and hands it out
//! to work that goes on in parallel for different keys.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rdkafka::Message;
use rdkafka::message::BorrowedMessage;
use telemetry::Span;

use super::assignment::{Assigned, Task};
use super::group::Group;
use super::waiting::{KeyHash, Waiting};
use super::work::{Desk, Ended, Job};
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
    pub(super) message: BorrowedMessage<'a>,
    /// The event.
    pub envelope: Envelope,
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
            Self::Event(taken) => taken.envelope.body.len(),
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
                for (key, bytes) in done {
                    hands.put_down(key, bytes);
                }
                if is_open {
                    running.extend(left.into_iter().map(|alone| desk.work(alone, None)));
                }
            }
            // The batch is made when it may begin, and so has all that came
            // until then.
            Ok(permit) = desk.worker.group.permits.clone().acquire_owned(), if may_begin => {
                let batch = hands.waiting.take(desk.pace.batch(), BATCH_BYTES, Item::bytes);
                batches += 1;
                running.push(desk.work(Job::Batch(batch), Some(permit)));
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
}

impl<'a> Hands<'a> {
    /// Takes up what is there, as long as there is room for it.
    fn take_up<E: Effects>(&mut self, desk: &Desk<'a, E>) {
        let assigned = desk.assigned;
        while self.messages < MOST_IN_HAND
            && self.bytes < MOST_BYTES_IN_HAND
            && assigned.progress.offsets().ahead() < MOST_AHEAD
        {
            let message = match assigned.queue.poll(Duration::ZERO) {
                Some(Ok(message)) => message,
                // The client goes on by itself; the polling thread counts it.
                Some(Err(error)) => {
                    tracing::debug!(%error, "partition_queue_error");
                    continue;
                }
                None => return,
            };
            let envelope = Envelope::read(assigned.progress.topic, &message);
            let time = envelope
                .as_ref()
                .map_or_else(|_| produced_at(&message), |e| e.time);
            assigned.progress.begin(message.offset(), time);
            service::planted!("offset_before_effect" => assigned.progress.done(message.offset()));
            let key = KeyHash::of(message.key());
            let item = match envelope {
                Ok(envelope) => Item::Event(desk.take(message, envelope)),
                Err(malformed) => Item::Refused(message, malformed),
            };
            self.messages += 1;
            self.bytes += item.bytes();
            self.waiting.push(key, item);
        }
    }

    fn put_down(&mut self, key: KeyHash, bytes: usize) {
        self.waiting.release(key);
        self.messages -= 1;
        self.bytes -= bytes;
    }
}

fn produced_at(message: &BorrowedMessage<'_>) -> DateTime<Utc> {
    message
        .timestamp()
        .to_millis()
        .and_then(DateTime::from_timestamp_millis)
        .unwrap_or_else(Utc::now)
}
