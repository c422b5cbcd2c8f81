//! How the services behave.

use super::{Case, Verdict};
use crate::fault::Service;
use crate::ledger::Answer;

/// A service that is asked to leave answers what it was asked before.
pub fn orderly(case: &Case) -> Verdict {
    let mut verdict = Verdict::new(
        "orderly",
        "a service that is asked to leave cuts no request",
    );
    for write in &case.books.writes {
        let Answer::Unknown { why, cut: true } = &write.answer else {
            continue;
        };
        let stop = case
            .orderly
            .iter()
            .find(|stop| stop.from <= write.answered_at && write.sent_at <= stop.to);
        if stop.is_some() {
            verdict.violation(|| format!("{:?} of {:?}: {why}", write.change, write.task));
        }
    }
    verdict.figures = format!("{} stops", case.orderly.len());
    verdict
}

/// A service lives on, whatever happens to what it depends on.
pub fn lived(case: &Case) -> Verdict {
    let mut verdict = Verdict::new(
        "lived",
        "no service ends, panics or hangs because of what it depends on",
    );
    for death in &case.deaths {
        verdict.violation(|| death.clone());
    }
    // librdkafka waits by the wall clock: a thread of it that waits while the
    // clock jumps back does so for as long as the jump. Then the deadline of the
    // shutdown ends the worker, as it should.
    let (explained, alarms): (Vec<_>, Vec<_>) = case
        .evidence
        .alarms
        .iter()
        .partition(|alarm| case.clock_jumped && alarm.is_late_end_of(Service::EventWorker));
    for alarm in &alarms {
        verdict.violation(|| alarm.to_string());
    }
    verdict.figures = format!(
        "{} ends, {} alarms, {} late ends after the clock jumped",
        case.deaths.len(),
        alarms.len(),
        explained.len()
    );
    verdict
}
