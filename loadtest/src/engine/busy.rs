//! How much of its time a worker's runtime is busy.

use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeMetrics};

/// The share since it was last asked.
pub(crate) struct Busy {
    metrics: RuntimeMetrics,
    busy: Duration,
    since: Instant,
}

impl Busy {
    /// Of the runtime it is called on.
    pub(crate) fn new() -> Self {
        let metrics = Handle::current().metrics();
        Self {
            busy: metrics.worker_total_busy_duration(0),
            metrics,
            since: Instant::now(),
        }
    }

    /// From 0 to 1, of the time since the last call; `in_vain` of it the runtime was
    /// busy with waiting.
    pub(crate) fn share(&mut self, in_vain: Duration) -> f64 {
        let busy = self.metrics.worker_total_busy_duration(0);
        let window = self.since.elapsed();
        let worked = busy.saturating_sub(self.busy + in_vain);
        let share = worked.as_secs_f64() / window.as_secs_f64();
        (self.busy, self.since) = (busy, Instant::now());
        share
    }
}
