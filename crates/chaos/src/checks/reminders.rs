//! Each reminder fires once.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Verdict;
use super::events::Events;
use super::histories::{Fate, Histories};
use crate::fault::Topic;

/// What had to fire fired once; what may have been cancelled, at most once;
/// nothing else did.
pub fn fired(histories: &Histories, events: &Events) -> Verdict {
    let mut verdict = Verdict::new(
        "reminders",
        "each reminder fires exactly once, also late, and none that was not set",
    );
    let mut fired: BTreeMap<(Uuid, DateTime<Utc>), usize> = BTreeMap::new();
    for event in events.of(Topic::Notifications) {
        let task = event.body["task_id"]
            .as_str()
            .and_then(|id| id.parse().ok());
        let remind_at = event.body["remind_at"]
            .as_str()
            .and_then(|at| at.parse().ok());
        match (task, remind_at) {
            (Some(task), Some(remind_at)) => *fired.entry((task, remind_at)).or_default() += 1,
            _ => verdict.violation(|| format!("a notification without task or time: {}", event.id)),
        }
    }
    for ((task, remind_at), count) in fired.iter().filter(|(_, count)| **count > 1) {
        verdict.violation(|| format!("{count} times for task {task} at {remind_at}"));
    }
    let mut must = 0;
    for (task, history) in &histories.tasks {
        for (remind_at, fate) in &history.reminders {
            let did = fired.remove(&(*task, *remind_at)).is_some();
            if *fate == Fate::Must {
                must += 1;
                if !did {
                    verdict.violation(|| format!("never for task {task} at {remind_at}"));
                }
            }
        }
    }
    // What is left belongs to tasks whose creation nobody acknowledged.
    for (task, remind_at) in fired.keys() {
        let title = events
            .tasks
            .get(task)
            .and_then(|changes| changes.first())
            .map(|event| event.title());
        let set = title.and_then(|title| histories.unknown.get(title));
        if set != Some(remind_at) {
            verdict.violation(|| format!("task {task} at {remind_at}: nobody set it"));
        }
    }
    let total = events.of(Topic::Notifications).len();
    verdict.figures = format!("{total} fired, {must} had to");
    verdict
}
