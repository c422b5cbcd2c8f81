//! A bounded queue that never blocks the one who fills it.

use std::sync::{Mutex, PoisonError};

use metrics::Counter;
use tokio::sync::Notify;

/// Items waiting for export.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    items: Mutex<Vec<T>>,
    capacity: usize,
    /// From this length on the exporter is woken before its time.
    batch: usize,
    wake: Notify,
    dropped: Dropped,
}

struct Dropped(Counter);

impl std::fmt::Debug for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dropped")
    }
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize, batch: usize, dropped: Counter) -> Self {
        Self {
            items: Mutex::new(Vec::new()),
            capacity,
            batch,
            wake: Notify::new(),
            dropped: Dropped(dropped),
        }
    }

    /// Adds an item, or drops and counts it when the queue is full.
    pub(crate) fn push(&self, item: T) {
        let length = {
            let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
            if items.len() >= self.capacity {
                None
            } else {
                items.push(item);
                Some(items.len())
            }
        };
        match length {
            None => self.dropped.0.increment(1),
            Some(length) if length == self.batch => self.wake.notify_one(),
            Some(_) => {}
        }
    }

    /// Takes all that waits.
    pub(crate) fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.items.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until a batch is full.
    pub(crate) async fn filled(&self) {
        self.wake.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;

    #[test]
    fn a_full_queue_drops_the_newest() {
        let queue = Queue::new(2, 10, metrics::Counter::noop());
        for item in 0..5 {
            queue.push(item);
        }
        assert_eq!(queue.take(), [0, 1]);
        queue.push(9);
        assert_eq!(queue.take(), [9]);
    }
}
