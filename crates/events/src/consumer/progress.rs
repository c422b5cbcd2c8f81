//! What is known of one assigned partition, by all who look at it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};

use super::offsets::Offsets;
use crate::metrics::PartitionSeries;
use crate::topics::Topic;

pub(super) struct Progress {
    pub topic: Topic,
    pub partition: i32,
    pub series: PartitionSeries,
    offsets: Mutex<Offsets>,
    behind_since: Mutex<Option<Instant>>,
}

impl Progress {
    pub fn new(topic: Topic, partition: i32, group: &str) -> Self {
        Self {
            topic,
            partition,
            series: PartitionSeries::new(topic.name(), partition, group),
            offsets: Mutex::default(),
            behind_since: Mutex::default(),
        }
    }

    /// Messages were taken up, in order: their offsets and times.
    pub fn begin(&self, messages: impl IntoIterator<Item = (i64, DateTime<Utc>)>) {
        let mut offsets = self.offsets();
        for (offset, time) in messages {
            offsets.begin(offset, time);
        }
    }

    /// Messages need no more work.
    pub fn done(&self, done: impl IntoIterator<Item = i64>) {
        let mut offsets = self.offsets();
        for offset in done {
            offsets.done(offset);
        }
        if let Some(position) = offsets.position() {
            self.series.offset.set(position as f64);
        }
    }

    pub fn offsets(&self) -> MutexGuard<'_, Offsets> {
        self.offsets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the gauges for a partition that ends at `end`, and answers the lag
    /// in messages and in seconds.
    pub fn observe(&self, position: i64, end: i64) -> (i64, f64) {
        let lag = (end - position).max(0);
        self.series.offset.set(position as f64);
        self.series.lag.set(lag as f64);
        let oldest = self.offsets().oldest();
        let mut behind_since = self
            .behind_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if lag == 0 {
            *behind_since = None;
            return (0, 0.0);
        }
        // What is fetched but not taken up has no known time; then at least the
        // time since the lag was first seen counts.
        let seen = behind_since.get_or_insert_with(Instant::now).elapsed();
        let age = oldest.and_then(|time| (Utc::now() - time).to_std().ok());
        (lag, age.unwrap_or(seen).as_secs_f64())
    }
}
