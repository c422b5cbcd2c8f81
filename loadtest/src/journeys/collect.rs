//! Puts together what the workers tell once a second, and ends a run that is to be
//! given up.

use std::collections::VecDeque;

use tokio_util::sync::CancellationToken;

use super::Told;
use crate::engine::RunError;
use crate::outline::Outline;
use crate::record::Record;
use crate::report::{Report, Verdict};
use crate::scenario::{Measured, Scenario, Threshold};

/// Over so many of the latest seconds a stop condition is looked at.
const WINDOW: usize = 5;

/// The records of all workers.
pub(super) struct Collector {
    total: Record,
    /// The latest, while there are stop conditions; the newest last.
    latest: VecDeque<Record>,
    stop_when: Vec<Threshold>,
    stopped: Vec<Verdict>,
    ended: usize,
}

impl Collector {
    pub(super) fn new(outline: &Outline, scenario: &Scenario) -> Self {
        Self {
            total: Record::new(outline.steps.len()),
            latest: VecDeque::new(),
            stop_when: scenario
                .stop_when
                .iter()
                .map(|when| when.value.clone())
                .collect(),
            stopped: Vec::new(),
            ended: 0,
        }
    }

    /// What one worker tells.
    pub(super) fn take(&mut self, told: Told, outline: &Outline, end: &CancellationToken) {
        let record = match told {
            Told::Second(record) => *record,
            Told::End => {
                self.ended += 1;
                return;
            }
        };
        self.total.merge(&record);
        if self.stop_when.is_empty() || !self.stopped.is_empty() {
            return;
        }
        self.latest.push_back(record);
        let window = WINDOW * outline.workers;
        if self.latest.len() < window {
            return;
        }
        self.latest.drain(..self.latest.len() - window);
        let mut record = Record::new(outline.steps.len());
        self.latest.iter().for_each(|latest| record.merge(latest));
        #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
        let seconds = WINDOW as f64;
        let measured = Measured {
            outline,
            record: &record,
            seconds,
        };
        let met = self.stop_when.iter().filter(|when| when.is_true(&measured));
        self.stopped = met.map(|when| when.judge(&measured)).collect();
        if !self.stopped.is_empty() {
            end.cancel();
        }
    }

    /// All that there is has come.
    pub(super) fn finish(&mut self, workers: usize) -> Result<(), RunError> {
        if self.ended < workers {
            return Err(RunError::Panicked);
        }
        self.total.end();
        Ok(())
    }

    /// What the scenario's thresholds say of it.
    pub(super) fn judge(&self, outline: &Outline, scenario: &Scenario) -> Vec<Verdict> {
        let seconds = self.total.paced.max(self.total.finished).as_secs_f64();
        let measured = Measured {
            outline,
            record: &self.total,
            seconds,
        };
        scenario
            .thresholds
            .iter()
            .map(|threshold| threshold.value.judge(&measured))
            .collect()
    }

    /// The report of one pass.
    pub(super) fn report(
        &self,
        outline: &Outline,
        scenario: &Scenario,
        interrupted: bool,
    ) -> Report {
        let mut report = Report::new(outline, &self.total, interrupted);
        report.thresholds = self.judge(outline, scenario);
        // A condition that ended the run was true, and so it did not hold.
        report
            .thresholds
            .extend(self.stopped.iter().map(|when| Verdict {
                threshold: format!("stop when {}", when.threshold),
                found: when.found.clone(),
                held: false,
            }));
        report
    }
}
