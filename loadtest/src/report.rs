//! What a run found, and whether it is a result.

mod latency;
mod machine;
mod timeline;
mod validity;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::outline::{Kind, Outline, Schedule, StepAbout};
use crate::record::{self, Record, StepRecord};

pub use latency::Latency;
pub use machine::Machine;
pub use timeline::{Moment, StepMoment};

/// The version of the JSON; it changes when a reader would have to.
const FORMAT: u32 = 2;

/// A run, as `--out` writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Version of this document.
    pub format: u32,
    /// Version of the generator.
    pub version: String,
    /// When it began to be reported, the run being over.
    pub ended_at: DateTime<Utc>,
    /// Where the generator ran.
    pub machine: Machine,
    /// The scenario's name; of a single request there is none.
    pub scenario: Option<String>,
    /// Where the load went.
    pub target: String,
    /// `open` or `closed`.
    pub pace: String,
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
    /// Requests, or journeys of a scenario, that were to go: the sum of all that
    /// became of them.
    pub intended: u64,
    /// Complete answers, of any status.
    pub answered: u64,
    /// Complete answers a second.
    pub rate: f64,
    /// Failures, and answers that were not expected: without an expectation, those
    /// with a status of 400 and more.
    pub errors: u64,
    /// Requests, or journeys, that never went.
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
    /// What was asked of the run, and whether it held.
    pub thresholds: Vec<Verdict>,
    /// What a search for the highest bearable load found.
    pub breakpoint: Option<Breakpoint>,
    /// What was sent, by step; one of a single request.
    pub steps: Vec<Step>,
    /// Moment by moment.
    pub timeline: Vec<Moment>,
    /// The slowest of those whose trace was sampled, the slowest first.
    pub slowest: Vec<Slow>,
    /// Where more can be seen.
    pub links: Vec<Link>,
    /// Where a trace can be seen, before its id.
    pub traces_at: Option<String>,
}

/// A slow request that left a trace.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Slow {
    /// The step.
    pub step: String,
    /// When it was meant to go, in seconds from the start.
    pub at: f64,
    /// From then to the end of its answer, in nanoseconds.
    pub took: u64,
    /// The trace's id, as W3C Trace Context has it.
    pub trace_id: String,
}

/// A page that shows more of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Link {
    /// What it is.
    pub name: String,
    /// Where.
    pub url: String,
}

/// One kind of request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Complete answers.
    pub answered: u64,
    /// Those of them that were not expected.
    pub unexpected: u64,
    /// Answers of HTTP by status.
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

/// A threshold, and what was found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Verdict {
    /// As it was written.
    pub threshold: String,
    /// What was found, in the threshold's own unit.
    pub found: String,
    /// Whether it held.
    pub held: bool,
}

/// A search for the highest load that every threshold bears.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Breakpoint {
    /// The rates tried, in order.
    pub tried: Vec<Trial>,
    /// The highest that was borne, in journeys a second.
    pub knee: Option<f64>,
}

/// One rate of such a search.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trial {
    /// Journeys a second.
    pub rate: f64,
    /// What the thresholds said.
    pub thresholds: Vec<Verdict>,
    /// Why the rate could not be tried: then it counts as not borne.
    pub invalid_because: Vec<String>,
    /// Every threshold held.
    pub held: bool,
}

impl Report {
    pub(crate) fn new(outline: &Outline, record: &Record, interrupted: bool) -> Self {
        let sent_seconds = record.paced.as_secs_f64();
        // Until the last answer: a backlog that is answered after the last
        // arrival must not count as a higher rate.
        let seconds = sent_seconds.max(record.finished.as_secs_f64());
        let rows = || outline.steps.iter().zip(&record.steps);
        let counted = rows().filter(|(about, _)| about.kind.counts());
        let answered = counted.map(|(_, step)| step.answered).sum();
        let invalid_because = validity::objections(outline, record, answered);
        let open = outline.schedule.is_some();
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ended_at: Utc::now(),
            machine: Machine::this(),
            scenario: outline.scenario.clone(),
            target: outline.target.clone(),
            pace: if open { "open" } else { "closed" }.to_owned(),
            schedule: outline.schedule.clone(),
            planned_seconds: outline.planned.as_secs_f64(),
            sent_seconds,
            workers: outline.workers,
            connections: outline.connections,
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
            errors: record.steps.iter().map(StepRecord::errors).sum(),
            unsent: record.unsent,
            cut_off: record.cut_off,
            held: record.held,
            opened: record.opened,
            busiest: record.busiest,
            lateness: Latency::of(&record.lateness),
            thresholds: Vec::new(),
            breakpoint: None,
            steps: rows().map(|row| Step::new(row, open)).collect(),
            timeline: Vec::new(),
            slowest: record
                .slowest
                .iter()
                .map(|slow| Slow::new(outline, slow))
                .collect(),
            links: Vec::new(),
            traces_at: None,
        }
    }
}

impl Slow {
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    fn new(outline: &Outline, slow: &record::Slow) -> Self {
        let step = outline.steps.get(slow.row);
        Self {
            step: step.map_or_else(String::new, |step| step.name.clone()),
            at: slow.at as f64 / 1e9,
            took: slow.took,
            trace_id: format!("{:032x}", slow.trace),
        }
    }
}

impl Step {
    fn new((about, record): (&StepAbout, &StepRecord), open: bool) -> Self {
        Self {
            name: about.name.clone(),
            kind: about.kind,
            answered: record.answered,
            unexpected: record.unexpected,
            statuses: record.statuses.clone(),
            failures: record.failures.clone(),
            bytes: record.bytes,
            corrected: open.then(|| Latency::of(&record.corrected)),
            service: Latency::of(&record.service),
        }
    }
}
