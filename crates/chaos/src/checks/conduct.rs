//! How the services behave.

use super::events::{Event, Events};
use super::{Case, Verdict};
use crate::fault::{Service, Topic};
use crate::ledger::{Answer, Write};

/// A service that is asked to leave answers whatever it still does. A connection
/// that it never took up is reset, and nothing was done.
pub fn orderly(case: &Case, events: &Events) -> Verdict {
    let mut verdict = Verdict::new(
        "orderly",
        "a service that is asked to leave does nothing that it does not answer",
    );
    for write in &case.books.writes {
        let Answer::Unknown { why, cut: true } = &write.answer else {
            continue;
        };
        let stop = case
            .orderly
            .iter()
            .find(|stop| stop.from <= write.answered_at && write.sent_at <= stop.to);
        if stop.is_some() && took_effect(case, events, write) {
            verdict.violation(|| format!("{:?} of {:?}: {why}", write.change, write.task));
        }
    }
    verdict.figures = format!("{} stops", case.orderly.len());
    verdict
}

/// Whether there is an event that only this write can have made.
fn took_effect(case: &Case, events: &Events, write: &Write) -> bool {
    let changes = match write.task {
        Some(task) => events.tasks.get(&task).map_or(&[][..], Vec::as_slice),
        None => events.of(Topic::Tasks),
    };
    let acknowledged = |event: &Event| {
        let others = case.books.writes.iter();
        others
            .filter(|other| other.task == write.task)
            .any(|other| other.answer == Answer::Acknowledged(event.version()))
    };
    changes
        .iter()
        .filter(|event| event.change() == write.change.event())
        .any(|event| match &write.title {
            Some(title) => event.title() == title,
            None => !acknowledged(event),
        })
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
