//! Whether the generator did what it was asked: otherwise its numbers describe
//! itself.

use std::time::Duration;

use crate::outline::Outline;
use crate::record::Record;

/// The share of requests that may wait because the generator itself was busy.
const HELD_BY_GENERATOR: f64 = 0.01;

/// Everything that speaks against the run. A target that is slow or answers with
/// errors does not; one that answers nothing has no latency.
#[expect(clippy::cast_precision_loss, reason = "counts are below 2^53")]
pub(super) fn objections(outline: &Outline, record: &Record, answered: u64) -> Vec<String> {
    let mut objections = Vec::new();
    if let Some(limit) = &record.limit {
        objections.push(limit.clone());
    }
    if record.intended == 0 {
        objections.push("nothing was sent".to_owned());
    } else if answered == 0 {
        objections.push("no request was answered".to_owned());
    }
    if outline.schedule.is_none() {
        return objections;
    }
    let lateness = Duration::from_nanos(record.lateness.value_at_quantile(0.99));
    if lateness > outline.lateness {
        objections.push(format!(
            "the generator could not keep its schedule: it was late by {lateness:.1?} at p99, \
             {:?} is allowed",
            outline.lateness
        ));
    }
    if record.unsent > 0 && outline.scenario.is_some() {
        objections.push(format!(
            "{} of {} journeys never began, as too many were under way: the target is slower \
             than the schedule, or the scenario's at_once too low",
            record.unsent, record.intended
        ));
    } else if record.unsent > 0 {
        objections.push(format!(
            "{} of {} requests were never sent, as all {} connections were busy: the target is \
             slower than the schedule, or --connections too low",
            record.unsent, record.intended, outline.connections
        ));
    }
    let held = record.held_by_generator as f64 / (record.intended as f64).max(1.0);
    if held > HELD_BY_GENERATOR {
        objections.push(format!(
            "the generator could not keep its schedule: {:.0} % of the requests waited while it \
             had no time left itself; give it more --workers, or ask for less",
            held * 100.0
        ));
    }
    objections
}
