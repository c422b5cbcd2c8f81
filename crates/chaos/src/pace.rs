//! How fast is written: so that the writes last as long as the faults.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Shared by all writers; moved on by who injects the faults.
#[derive(Debug)]
pub struct Pace {
    target: u64,
    done: AtomicU64,
    finished: AtomicBool,
    progress: Mutex<Progress>,
}

#[derive(Clone, Copy, Debug)]
struct Progress {
    /// The part of the plan that is behind us.
    before: f64,
    /// The part that the present step is.
    step: f64,
    since: Instant,
    lasts: Duration,
}

impl Progress {
    fn now(&self) -> f64 {
        let through = self.since.elapsed().as_secs_f64() / self.lasts.as_secs_f64().max(0.1);
        // Not quite to the end: a step that takes longer is to see writes, too.
        self.before + self.step * through.min(0.9)
    }
}

impl Pace {
    /// For `target` acknowledged writes.
    pub fn new(target: u64) -> Self {
        let progress = Progress {
            before: 0.0,
            step: 0.0,
            since: Instant::now(),
            lasts: Duration::ZERO,
        };
        Self {
            target,
            done: AtomicU64::new(0),
            finished: AtomicBool::new(false),
            progress: Mutex::new(progress),
        }
    }

    /// A step begins: of a plan of `total`, after `before` of it.
    pub fn step(&self, before: Duration, lasts: Duration, total: Duration) {
        let total = total.as_secs_f64().max(0.1);
        *self.lock() = Progress {
            before: before.as_secs_f64() / total,
            step: lasts.as_secs_f64() / total,
            since: Instant::now(),
            lasts,
        };
    }

    /// There are no more faults: what is left to write is written at once.
    pub fn finish(&self) {
        self.finished.store(true, Relaxed);
    }

    /// A write was acknowledged.
    pub fn count(&self) {
        self.done.fetch_add(1, Relaxed);
    }

    /// Acknowledged writes so far.
    pub fn done(&self) -> u64 {
        self.done.load(Relaxed)
    }

    /// Waits for the next turn; false when there is nothing left to write.
    pub async fn turn(&self) -> bool {
        loop {
            let done = self.done();
            let finished = self.finished.load(Relaxed);
            if finished {
                return done < self.target;
            }
            let due = self.target as f64 * self.lock().now();
            if (done as f64) < due {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
