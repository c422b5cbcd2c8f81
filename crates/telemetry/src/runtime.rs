//! The tokio runtime's own figures.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::metrics::{
    TOKIO_ALIVE_TASKS, TOKIO_BUSY_RATIO, TOKIO_GLOBAL_QUEUE_DEPTH, TOKIO_SCHEDULE_DELAY,
    TOKIO_WORKERS, on_scrape,
};

/// Publishes the figures of the runtime that calls.
pub(crate) fn observe() {
    let metrics = Handle::current().metrics();
    let workers = TOKIO_WORKERS.gauge_handle(&[]);
    let alive = TOKIO_ALIVE_TASKS.gauge_handle(&[]);
    let queue = TOKIO_GLOBAL_QUEUE_DEPTH.gauge_handle(&[]);
    let busy = TOKIO_BUSY_RATIO.gauge_handle(&[]);
    let last = Mutex::new((Instant::now(), Duration::ZERO));
    on_scrape(move || {
        let count = metrics.num_workers();
        workers.set(count as f64);
        alive.set(metrics.num_alive_tasks() as f64);
        queue.set(metrics.global_queue_depth() as f64);
        let total: Duration = (0..count)
            .map(|worker| metrics.worker_total_busy_duration(worker))
            .sum();
        let now = Instant::now();
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.duration_since(last.0).as_secs_f64() * count as f64;
        if elapsed > 0.0 {
            busy.set(total.saturating_sub(last.1).as_secs_f64() / elapsed);
        }
        *last = (now, total);
    });
    tokio::spawn(async {
        let delay = TOKIO_SCHEDULE_DELAY.histogram_handle(&[]);
        let mut every = tokio::time::interval(Duration::from_secs(1));
        loop {
            every.tick().await;
            let ready = Instant::now();
            if let Ok(waited) = tokio::spawn(async move { ready.elapsed() }).await {
                delay.record(waited.as_secs_f64());
            }
        }
    });
}
