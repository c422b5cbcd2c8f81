//! A run second by second.

use serde::{Deserialize, Serialize};

use crate::outline::Outline;
use crate::record::{Record, histogram};

/// A part of a run, a second or, of a long one, a few. Times of all steps that are
/// work in themselves, in nanoseconds, from when they were meant to go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// When it ended, in seconds from the start.
    pub at: f64,
    /// How long it was, in seconds.
    pub seconds: f64,
    /// Requests, or journeys, that were to go.
    pub intended: u64,
    /// Complete answers.
    pub answered: u64,
    /// Failures, and answers that were not expected.
    pub errors: u64,
    /// Requests, or journeys, that never went.
    pub unsent: u64,
    /// The median.
    pub p50: u64,
    /// 95 of 100 are at most this.
    pub p95: u64,
    /// 99 of 100 are at most this.
    pub p99: u64,
    /// The largest.
    pub max: u64,
    /// The generator's own lateness, 99 of 100.
    pub late: u64,
    /// The share of its time in which the busiest worker was busy.
    pub busy: f64,
    /// The share of its cores the machine used, 0 to 1.
    pub host_cpu: f64,
    /// The share of its memory that was taken, 0 to 1.
    pub host_memory: f64,
    /// By step, in the order of the report.
    pub steps: Vec<StepMoment>,
}

/// One step's part of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepMoment {
    /// Complete answers.
    pub answered: u64,
    /// Failures, and answers that were not expected.
    pub errors: u64,
    /// The median.
    pub p50: u64,
    /// 95 of 100 are at most this.
    pub p95: u64,
    /// 99 of 100 are at most this.
    pub p99: u64,
}

impl Moment {
    pub(crate) fn of(outline: &Outline, record: &Record, at: f64, seconds: f64) -> Self {
        let mut all = histogram();
        let (mut answered, mut errors) = (0, 0);
        for (about, step) in outline.steps.iter().zip(&record.steps) {
            errors += step.errors();
            if about.kind.counts() && !step.corrected.is_empty() {
                all.add(&step.corrected)
                    .expect("all histograms have the same bounds");
            }
            if about.kind.counts() {
                answered += step.answered;
            }
        }
        let steps = record.steps.iter().map(|step| StepMoment {
            answered: step.answered,
            errors: step.errors(),
            p50: step.corrected.value_at_quantile(0.5),
            p95: step.corrected.value_at_quantile(0.95),
            p99: step.corrected.value_at_quantile(0.99),
        });
        Self {
            at,
            seconds,
            intended: record.intended,
            answered,
            errors,
            unsent: record.unsent,
            p50: all.value_at_quantile(0.5),
            p95: all.value_at_quantile(0.95),
            p99: all.value_at_quantile(0.99),
            max: all.max(),
            late: record.lateness.value_at_quantile(0.99),
            busy: record.busiest,
            host_cpu: 0.0,
            host_memory: 0.0,
            steps: steps.collect(),
        }
    }
}
