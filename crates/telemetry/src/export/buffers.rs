//! Bounded buffers that never block the one who fills them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use metrics::Counter;
use tokio::sync::Notify;

/// More than this many threads share lanes.
const MAX_LANES: usize = 8;

/// Encoded records waiting for export: a buffer for each worker thread, so that
/// they hardly ever meet at a lock.
pub(crate) struct Buffers {
    lanes: Box<[Lane]>,
    /// Bytes that a lane may hold.
    capacity: usize,
    /// From this many bytes in a lane on, the exporter is woken before its
    /// time; a piece has no more, unless it is one record.
    burst: usize,
    wake: Notify,
    dropped: Counter,
}

/// Two cache lines, as processors fetch them in pairs.
#[derive(Default)]
#[repr(align(128))]
struct Lane(Mutex<Waiting>);

impl Lane {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Encoded records, one after the other, and where they are to be cut.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(super) bytes: Vec<u8>,
    /// In order; the last one ends where the bytes do.
    pub(super) pieces: Vec<Piece>,
}

/// What one request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Where it ends; it begins where the one before it does.
    pub(super) end: usize,
    pub(super) records: u64,
}

impl Waiting {
    /// What was appended is one more record: of the last piece, if that is then no
    /// more than `most` bytes, else the first of a new one.
    fn count(&mut self, most: usize) {
        let end = self.bytes.len();
        let begin = match self.pieces.as_slice() {
            [] | [_] => 0,
            [.., last_but_one, _] => last_but_one.end,
        };
        match self.pieces.last_mut() {
            Some(last) if end - begin <= most => {
                last.end = end;
                last.records += 1;
            }
            _ => self.pieces.push(Piece { end, records: 1 }),
        }
    }
}

impl Buffers {
    /// Holds `capacity` bytes in all.
    pub(crate) fn new(capacity: usize, burst: usize, dropped: Counter) -> Self {
        let lanes = thread::available_parallelism().map_or(1, |count| count.get().min(MAX_LANES));
        Self {
            lanes: (0..lanes).map(|_| Lane::default()).collect(),
            capacity: capacity / lanes,
            burst,
            wake: Notify::new(),
            dropped,
        }
    }

    /// Adds what `write` appends, one record; drops and counts it when there is
    /// no room.
    pub(crate) fn append(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut lane = self.lanes[mine() % self.lanes.len()].lock();
        let before = lane.bytes.len();
        write(&mut lane.bytes);
        let after = lane.bytes.len();
        if after > self.capacity {
            lane.bytes.truncate(before);
            drop(lane);
            self.dropped.increment(1);
            return;
        }
        lane.count(self.burst);
        drop(lane);
        if before < self.burst && after >= self.burst {
            self.wake.notify_one();
        }
    }

    /// How many lanes [`Buffers::swap`] knows.
    pub(crate) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Exchanges what waits in a lane for an empty buffer.
    pub(crate) fn swap(&self, lane: usize, empty: &mut Waiting) {
        std::mem::swap(&mut *self.lanes[lane].lock(), empty);
    }

    /// Waits until a lane has filled up.
    pub(crate) async fn filled(&self) {
        self.wake.notified().await;
    }
}

/// The number of the calling thread.
fn mine() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // While a thread ends it has no number any more.
    MINE.try_with(|mine| *mine).unwrap_or_default()
}
