//! What a worker writes down while it runs; merged when all have ended.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::failure::Failure;

/// Slow requests that are kept.
const SLOWEST: usize = 10;

/// Three digits, from a microsecond to an hour: what is longer counts as an hour.
pub(crate) fn histogram() -> Histogram<u64> {
    const HOUR: u64 = 3_600_000_000_000;
    Histogram::new_with_bounds(1_000, HOUR, 3).expect("the bounds are constants, and in order")
}

/// One kind of request, or one part of it. Everything in it adds up.
#[derive(Debug, Clone)]
pub(crate) struct StepRecord {
    /// From when it was meant to go to the end of its answer.
    pub corrected: Histogram<u64>,
    /// From when it went to the end of its answer.
    pub service: Histogram<u64>,
    /// Complete answers, of any status and protocol.
    pub answered: u64,
    /// Those of them that the step does not expect.
    pub unexpected: u64,
    /// Answers of HTTP by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Exchanges without a complete answer.
    pub failures: BTreeMap<Failure, u64>,
    /// Bytes of answers' bodies.
    pub bytes: u64,
}

impl StepRecord {
    fn new() -> Self {
        Self {
            corrected: histogram(),
            service: histogram(),
            answered: 0,
            unexpected: 0,
            statuses: BTreeMap::new(),
            failures: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// An exchange took its time, with or without an answer at the end of it.
    pub(crate) fn took(&mut self, corrected: u64, service: u64) {
        self.corrected.saturating_record(corrected);
        self.service.saturating_record(service);
    }

    /// A complete answer of HTTP.
    pub(crate) fn answered(&mut self, status: u16, bytes: u64, expected: bool) {
        *self.statuses.entry(status).or_default() += 1;
        self.replied(bytes);
        self.unexpected += u64::from(!expected);
    }

    /// A complete answer of something else.
    pub(crate) fn replied(&mut self, bytes: u64) {
        self.answered += 1;
        self.bytes += bytes;
    }

    pub(crate) fn failed(&mut self, failure: Failure) {
        *self.failures.entry(failure).or_default() += 1;
    }

    /// Exchanges without a complete answer.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Failures, and answers that were not expected.
    pub(crate) fn errors(&self) -> u64 {
        self.failures() + self.unexpected
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        add(&mut self.corrected, &other.corrected);
        add(&mut self.service, &other.service);
        self.answered += other.answered;
        self.unexpected += other.unexpected;
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (failure, count) in &other.failures {
            *self.failures.entry(*failure).or_default() += count;
        }
        self.bytes += other.bytes;
    }
}

fn add(mine: &mut Histogram<u64>, its: &Histogram<u64>) {
    // An empty one, as of a quiet second, is not walked through.
    if !its.is_empty() {
        mine.add(its).expect("all histograms have the same bounds");
    }
}

/// Counts and nanoseconds of one worker, or of all.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// By step, in the order of the outline.
    pub steps: Vec<StepRecord>,
    /// From when an arrival was meant to go to when the generator attended to it.
    pub lateness: Histogram<u64>,
    /// Connections opened.
    pub opened: u64,
    /// Arrivals that were due: requests, or whole journeys.
    pub intended: u64,
    /// Arrivals that have come to their end, whichever.
    pub ended: u64,
    /// Arrivals that found all connections busy and waited.
    pub held: u64,
    /// Those of them that came while the generator itself had no time left.
    pub held_by_generator: u64,
    /// Arrivals that could not wait any more, or waited in vain.
    pub unsent: u64,
    /// Arrivals that the end of the run cut off: waiting or unanswered.
    pub cut_off: u64,
    /// The largest share of a quarter second in which the worker was busy.
    pub busiest: f64,
    /// When the last request was due.
    pub paced: Duration,
    /// When the last answer had come.
    pub finished: Duration,
    /// When it was handed on, from the start.
    pub until: Duration,
    /// The limit of this machine that ended the run.
    pub limit: Option<String>,
    /// The slowest of those whose trace is sampled, the slowest first.
    pub slowest: Vec<Slow>,
}

/// A request that left a trace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slow {
    /// From when it was meant to go to the end of its answer.
    pub took: u64,
    /// When it was meant to go.
    pub at: u64,
    /// Which step it was.
    pub row: usize,
    /// The trace's id.
    pub trace: u128,
}

impl Record {
    pub(crate) fn new(steps: usize) -> Self {
        Self {
            steps: (0..steps).map(|_| StepRecord::new()).collect(),
            lateness: histogram(),
            opened: 0,
            intended: 0,
            ended: 0,
            held: 0,
            held_by_generator: 0,
            unsent: 0,
            cut_off: 0,
            busiest: 0.0,
            paced: Duration::ZERO,
            finished: Duration::ZERO,
            until: Duration::ZERO,
            limit: None,
            slowest: Vec::new(),
        }
    }

    /// Keeps it if it is among the slowest.
    pub(crate) fn slow(&mut self, slow: Slow) {
        let at = self.slowest.partition_point(|kept| kept.took >= slow.took);
        if at < SLOWEST {
            self.slowest.truncate(SLOWEST - 1);
            self.slowest.insert(at, slow);
        }
    }

    /// The run is over: whatever has no outcome by now will have none.
    pub(crate) fn end(&mut self) {
        self.cut_off = self.intended.saturating_sub(self.ended + self.unsent);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, its) in self.steps.iter_mut().zip(&other.steps) {
            mine.merge(its);
        }
        add(&mut self.lateness, &other.lateness);
        self.opened += other.opened;
        self.intended += other.intended;
        self.ended += other.ended;
        self.held += other.held;
        self.held_by_generator += other.held_by_generator;
        self.unsent += other.unsent;
        self.cut_off += other.cut_off;
        self.busiest = self.busiest.max(other.busiest);
        self.paced = self.paced.max(other.paced);
        self.finished = self.finished.max(other.finished);
        self.until = self.until.max(other.until);
        other.slowest.iter().for_each(|slow| self.slow(*slow));
        if self.limit.is_none() {
            self.limit.clone_from(&other.limit);
        }
    }
}
