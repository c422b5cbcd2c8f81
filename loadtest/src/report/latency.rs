//! A histogram for those who read it: a few percentiles, and all of its buckets.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// A distribution of durations, in nanoseconds, to three digits.
#[derive(Debug, Clone, Serialize)]
pub struct Latency {
    /// How many.
    pub count: u64,
    /// The smallest.
    pub min: u64,
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: u64,
    /// Nine of ten are at most this.
    pub p90: u64,
    /// 99 of 100 are at most this.
    pub p99: u64,
    /// 999 of 1000 are at most this.
    pub p999: u64,
    /// The largest.
    pub max: u64,
    /// Pairs of a value and how many there are of it: the whole histogram.
    pub buckets: Vec<(u64, u64)>,
}

impl Latency {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            count: histogram.len(),
            min: histogram.min(),
            mean: histogram.mean(),
            p50: histogram.value_at_quantile(0.5),
            p90: histogram.value_at_quantile(0.9),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            max: histogram.max(),
            buckets: histogram
                .iter_recorded()
                .map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value()))
                .collect(),
        }
    }

    /// How many took longer.
    pub fn above(&self, duration: Duration) -> u64 {
        let above = |bucket: &&(u64, u64)| u128::from(bucket.0) > duration.as_nanos();
        self.buckets.iter().filter(above).map(|(_, n)| n).sum()
    }
}
