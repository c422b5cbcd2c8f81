//! What a worker writes down while it runs; merged when all have ended.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use http::StatusCode;

use crate::failure::Failure;

/// Three digits, from a microsecond to an hour: what is longer counts as an hour.
pub(crate) fn histogram() -> Histogram<u64> {
    const HOUR: u64 = 3_600_000_000_000;
    Histogram::new_with_bounds(1_000, HOUR, 3).expect("the bounds are constants, and in order")
}

/// Counts and nanoseconds of one worker, or of all.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// From when a request was meant to go to the end of its answer.
    pub corrected: Histogram<u64>,
    /// From when it went to the end of its answer.
    pub service: Histogram<u64>,
    /// From when it was meant to go to when the generator attended to it.
    pub lateness: Histogram<u64>,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Exchanges without a complete answer.
    pub failures: BTreeMap<Failure, u64>,
    /// Bytes of answers' bodies.
    pub bytes: u64,
    /// Connections opened.
    pub opened: u64,
    /// Arrivals that were due.
    pub intended: u64,
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
    /// The limit of this machine that ended the run.
    pub limit: Option<String>,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self {
            corrected: histogram(),
            service: histogram(),
            lateness: histogram(),
            statuses: BTreeMap::new(),
            failures: BTreeMap::new(),
            bytes: 0,
            opened: 0,
            intended: 0,
            held: 0,
            held_by_generator: 0,
            unsent: 0,
            cut_off: 0,
            busiest: 0.0,
            paced: Duration::ZERO,
            finished: Duration::ZERO,
            limit: None,
        }
    }

    /// An exchange took its time, with or without an answer at the end of it.
    pub(crate) fn took(&mut self, corrected: u64, service: u64) {
        self.corrected.saturating_record(corrected);
        self.service.saturating_record(service);
    }

    pub(crate) fn answered(&mut self, status: StatusCode, bytes: u64) {
        *self.statuses.entry(status.as_u16()).or_default() += 1;
        self.bytes += bytes;
    }

    pub(crate) fn failed(&mut self, failure: Failure) {
        *self.failures.entry(failure).or_default() += 1;
    }

    /// The run is over: whatever has no outcome by now will have none.
    pub(crate) fn end(&mut self, unsent: u64) {
        self.unsent += unsent;
        let known = self.answers() + self.failures.values().sum::<u64>() + self.unsent;
        self.cut_off = self.intended.saturating_sub(known);
    }

    /// Complete answers, of any status.
    pub(crate) fn answers(&self) -> u64 {
        self.statuses.values().sum()
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, its) in [
            (&mut self.corrected, &other.corrected),
            (&mut self.service, &other.service),
            (&mut self.lateness, &other.lateness),
        ] {
            mine.add(its).expect("all histograms have the same bounds");
        }
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (failure, count) in &other.failures {
            *self.failures.entry(*failure).or_default() += count;
        }
        self.bytes += other.bytes;
        self.opened += other.opened;
        self.intended += other.intended;
        self.held += other.held;
        self.held_by_generator += other.held_by_generator;
        self.unsent += other.unsent;
        self.cut_off += other.cut_off;
        self.busiest = self.busiest.max(other.busiest);
        self.paced = self.paced.max(other.paced);
        self.finished = self.finished.max(other.finished);
        if self.limit.is_none() {
            self.limit.clone_from(&other.limit);
        }
    }
}
