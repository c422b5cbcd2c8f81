//! What a run found, and whether it is a result.

mod latency;
mod validity;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::arrivals::Spacing;
use crate::failure::Failure;
use crate::plan::{Pace, Plan};
use crate::record::Record;

pub use latency::Latency;

/// The version of the JSON; it changes when a reader would have to.
const FORMAT: u32 = 1;

/// A run, as `--out` writes it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Version of this document.
    pub format: u32,
    /// Version of the generator.
    pub version: &'static str,
    /// Where the load went.
    pub target: String,
    /// `open` or `closed`.
    pub pace: &'static str,
    /// The schedule of an open loop.
    pub schedule: Option<Schedule>,
    /// Seconds that were planned.
    pub planned_seconds: f64,
    /// Seconds in which requests were sent.
    pub sent_seconds: f64,
    /// Threads.
    pub workers: usize,
    /// Connections at most.
    pub connections: usize,
    /// The numbers below are what they seem.
    pub valid: bool,
    /// Why not.
    pub invalid_because: Vec<String>,
    /// The run was stopped before its time.
    pub interrupted: bool,
    /// Requests that were to go: the sum of all that became of them.
    pub intended: u64,
    /// Complete answers, of any status.
    pub answered: u64,
    /// Complete answers a second.
    pub rate: f64,
    /// Failures, and answers with a status of 400 and more.
    pub errors: u64,
    /// Requests that never went.
    pub unsent: u64,
    /// Requests without an outcome when the run was stopped.
    pub cut_off: u64,
    /// Requests that waited for one of the connections.
    pub held: u64,
    /// Connections opened.
    pub opened: u64,
    /// The largest share of a quarter second in which a worker was busy.
    pub busiest: f64,
    /// How late the generator itself was.
    pub lateness: Latency,
    /// What was sent, by step; one of a single request.
    pub steps: Vec<Step>,
}

/// An open loop's schedule, enough to repeat it.
#[derive(Debug, Clone, Serialize)]
pub struct Schedule {
    /// As `--rate` takes it.
    pub shape: String,
    /// `even` or `poisson`.
    pub spacing: &'static str,
    /// Of the random spacing.
    pub seed: u64,
}

/// One kind of request.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Exchanges without a complete answer.
    pub failures: BTreeMap<Failure, u64>,
    /// Bytes of the answers' bodies.
    pub bytes: u64,
    /// From when a request was meant to go to the end of its answer, or to its
    /// timeout. A closed loop has none: nothing was meant to go at any time.
    pub corrected: Option<Latency>,
    /// From when it went.
    pub service: Latency,
}

impl Report {
    pub(crate) fn new(plan: &Plan, record: &Record, interrupted: bool) -> Self {
        let invalid_because = validity::objections(plan, record);
        let sent_seconds = record.paced.as_secs_f64();
        let answered = record.answers();
        let failed: u64 = record.failures.values().sum();
        let refused: u64 = record.statuses.range(400..).map(|(_, count)| count).sum();
        let (pace, schedule) = match &plan.pace {
            Pace::Closed { .. } => ("closed", None),
            Pace::Open(arrivals) => (
                "open",
                Some(Schedule {
                    shape: arrivals.shape.to_string(),
                    spacing: match arrivals.spacing {
                        Spacing::Even => "even",
                        Spacing::Poisson => "poisson",
                    },
                    seed: arrivals.seed,
                }),
            ),
        };
        // Until the last answer: a backlog that is answered after the last
        // arrival must not count as a higher rate.
        let seconds = sent_seconds.max(record.finished.as_secs_f64());
        let step = Step {
            name: format!("{} {}", plan.template.method, plan.target.uri.path()),
            statuses: record.statuses.clone(),
            failures: record.failures.clone(),
            bytes: record.bytes,
            corrected: schedule.is_some().then(|| Latency::of(&record.corrected)),
            service: Latency::of(&record.service),
        };
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION"),
            target: plan.target.to_string(),
            pace,
            schedule,
            planned_seconds: plan.pace.duration().as_secs_f64(),
            sent_seconds,
            workers: plan.workers,
            connections: plan.connections,
            valid: invalid_because.is_empty(),
            invalid_because,
            interrupted,
            intended: record.intended,
            answered,
            #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
            rate: if seconds > 0.0 {
                answered as f64 / seconds
            } else {
                0.0
            },
            errors: failed + refused,
            unsent: record.unsent,
            cut_off: record.cut_off,
            held: record.held,
            opened: record.opened,
            busiest: record.busiest,
            lateness: Latency::of(&record.lateness),
            steps: vec![step],
        }
    }
}
