//! A histogram for those who read it: a few percentiles, and the whole of it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

/// A distribution of durations, in nanoseconds, to three digits.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
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
    /// 95 of 100 are at most this.
    pub p95: u64,
    /// 99 of 100 are at most this.
    pub p99: u64,
    /// 999 of 1000 are at most this.
    pub p999: u64,
    /// The largest.
    pub max: u64,
    histogram: Histogram<u64>,
}

impl Latency {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            count: histogram.len(),
            min: histogram.min(),
            mean: histogram.mean(),
            p50: histogram.value_at_quantile(0.5),
            p90: histogram.value_at_quantile(0.9),
            p95: histogram.value_at_quantile(0.95),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            max: histogram.max(),
            histogram: histogram.clone(),
        }
    }

    /// All of it.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// How many took longer.
    pub fn above(&self, duration: Duration) -> u64 {
        let above = |bucket: &hdrhistogram::iterators::IterationValue<u64>| {
            u128::from(bucket.value_iterated_to()) > duration.as_nanos()
        };
        let buckets = self.histogram.iter_recorded().filter(above);
        buckets.map(|bucket| bucket.count_at_value()).sum()
    }
}

/// As it stands in a report: what people read, and `hdr`, the whole histogram in
/// the compressed form V2 that all implementations of HdrHistogram read.
#[derive(Clone, Serialize, Deserialize)]
struct Written {
    count: u64,
    min: u64,
    mean: f64,
    p50: u64,
    p90: u64,
    p95: u64,
    p99: u64,
    p999: u64,
    max: u64,
    hdr: String,
}

impl From<Latency> for Written {
    fn from(latency: Latency) -> Self {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&latency.histogram, &mut bytes)
            .expect("a Vec takes what a histogram of these bounds needs");
        Self {
            count: latency.count,
            min: latency.min,
            mean: latency.mean,
            p50: latency.p50,
            p90: latency.p90,
            p95: latency.p95,
            p99: latency.p99,
            p999: latency.p999,
            max: latency.max,
            hdr: STANDARD.encode(bytes),
        }
    }
}

impl TryFrom<Written> for Latency {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let bytes = STANDARD
            .decode(&written.hdr)
            .map_err(|error| error.to_string())?;
        let histogram = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| format!("no HdrHistogram: {error:?}"))?;
        Ok(Self::of(&histogram))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut histogram = crate::record::histogram();
        for value in [1_000, 2_500_000, 2_500_000, 7_000_000_000] {
            histogram.record(value).unwrap();
        }
        let text = serde_json::to_string(&Latency::of(&histogram)).unwrap();
        let read: Latency = serde_json::from_str(&text).unwrap();
        assert_eq!(read.histogram(), &histogram);
        assert_eq!(read.above(Duration::from_secs(1)), 1);
        assert!(text.contains("\"hdr\":\"HISTF"), "{text}");
    }
}
