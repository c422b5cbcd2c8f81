//! State against events, and what users are told.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::events::Events;
use super::{Case, Verdict};
use crate::fault::Topic;

/// State and event commit together: the last event of a task is its state.
pub fn state(case: &Case, events: &Events) -> Verdict {
    let mut verdict = Verdict::new(
        "state",
        "state and event are committed together: each task is as its last event says",
    );
    let rows: BTreeMap<_, _> = case
        .evidence
        .tasks
        .iter()
        .map(|row| (row.id, row))
        .collect();
    for (task, changes) in &events.tasks {
        let Some(last) = changes.iter().max_by_key(|event| event.version()) else {
            continue;
        };
        match rows.get(task) {
            None if last.change() == "deleted" => {}
            None => verdict
                .violation(|| format!("task {task} is gone; its last event: {}", last.change())),
            Some(_) if last.change() == "deleted" => {
                verdict.violation(|| format!("task {task} is there after its deletion"));
            }
            Some(row) => {
                let completed = last.body["task"]["status"] == "completed";
                if row.version != last.version()
                    || row.title != last.title()
                    || row.completed != completed
                {
                    verdict.violation(|| {
                        format!(
                            "{row:?}; its last event: {} version {}",
                            last.change(),
                            last.version()
                        )
                    });
                }
            }
        }
    }
    for row in rows
        .values()
        .filter(|row| !events.tasks.contains_key(&row.id))
    {
        verdict.violation(|| format!("{row:?} has no event"));
    }
    verdict.figures = format!("{} tasks", events.tasks.len());
    verdict
}

/// The worker has taken in the last event of each task.
pub fn taken_in(case: &Case, events: &Events) -> Verdict {
    let mut verdict = Verdict::new(
        "effect",
        "the worker has taken in the last event of each task",
    );
    for (task, changes) in &events.tasks {
        let last = changes.iter().map(|event| event.version()).max();
        let known = case.evidence.known.get(task).copied();
        if known != last {
            verdict.violation(|| format!("task {task}: knows {known:?} of {last:?}"));
        }
    }
    verdict.figures = format!("{} tasks", case.evidence.known.len());
    verdict
}

/// Each notification of the topic is kept once, and no other.
pub fn notifications(case: &Case, events: &Events) -> Verdict {
    let mut verdict = Verdict::new(
        "notified",
        "each notification is kept once for its user, and no other",
    );
    let sent: BTreeSet<String> = events
        .of(Topic::Notifications)
        .iter()
        .filter_map(|event| Some(event.body["id"].as_str()?.to_owned()))
        .collect();
    let kept: BTreeSet<String> = case
        .evidence
        .notifications
        .iter()
        .map(|row| row.id.to_string())
        .collect();
    for id in sent.difference(&kept) {
        verdict.violation(|| format!("{id} was sent and not kept"));
    }
    for id in kept.difference(&sent) {
        verdict.violation(|| format!("{id} was kept and never sent"));
    }
    let mut reminders = BTreeSet::new();
    for row in &case.evidence.notifications {
        if !reminders.insert((row.task_id, row.remind_at)) {
            verdict
                .violation(|| format!("a second one for {:?} at {:?}", row.task_id, row.remind_at));
        }
    }
    verdict.figures = format!("{} sent, {} kept", sent.len(), kept.len());
    verdict
}

/// Nobody is told before the time.
pub fn not_early(case: &Case) -> Verdict {
    let mut verdict = Verdict::new(
        "not-early",
        "no reminder fires before its time, whatever a clock says",
    );
    // The row's time is that of its transaction's beginning.
    let grain = TimeDelta::milliseconds(5);
    for row in &case.evidence.notifications {
        if row
            .remind_at
            .is_some_and(|remind_at| row.created_at + grain < remind_at)
        {
            verdict.violation(|| {
                format!(
                    "{:?} at {:?}: {}",
                    row.task_id, row.remind_at, row.created_at
                )
            });
        }
    }
    let late = case.evidence.notifications.iter().filter_map(|row| {
        let late = row.created_at - row.remind_at?;
        Some(late.num_milliseconds())
    });
    verdict.figures = format!(
        "{} notifications, the latest after {} ms",
        case.evidence.notifications.len(),
        late.max().unwrap_or_default()
    );
    verdict
}
