//! Acknowledged, refused, unknown: each as it was answered.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::events::{Event, Events};
use super::histories::Histories;
use super::{Case, Verdict};
use crate::ledger::{Answer, Write};

/// As many writes were acknowledged as there were to be.
pub fn enough(case: &Case) -> Verdict {
    let mut verdict = Verdict::new(
        "enough",
        "as many writes were acknowledged as were asked for",
    );
    let writes = &case.books.writes;
    let acknowledged = writes.iter().filter(|write| write.acknowledged()).count();
    let unknown = writes
        .iter()
        .filter(|write| matches!(write.answer, Answer::Unknown { .. }))
        .count();
    let improper = writes.iter().filter(|write| write.improper).count();
    let refused = writes.len() - acknowledged - unknown;
    verdict.figures = format!(
        "{acknowledged} acknowledged, {refused} refused ({improper} were to be), {unknown} unknown"
    );
    if (acknowledged as u64) < case.target {
        verdict.violation(|| format!("{acknowledged} of {}", case.target));
    }
    verdict
}

/// Each acknowledged write has its event.
pub fn kept(case: &Case, events: &Events) -> Verdict {
    let mut verdict = Verdict::new("kept", "no acknowledged write is lost: each has its event");
    let acknowledged = proper(case).filter(|write| write.acknowledged());
    let mut count = 0;
    for write in acknowledged {
        count += 1;
        let found = changes(events, write.task)
            .iter()
            .any(|event| is_of(event, write));
        if !found {
            verdict.violation(|| {
                format!(
                    "{:?} of task {:?}: {:?}",
                    write.change, write.task, write.answer
                )
            });
        }
    }
    verdict.figures = format!("{count} writes");
    verdict
}

/// Each event has its write, which was not refused.
pub fn asked_for(case: &Case, events: &Events) -> Verdict {
    let mut verdict = Verdict::new(
        "asked-for",
        "nothing appears that was refused or never asked for",
    );
    let mut of_task: BTreeMap<Uuid, Vec<&Write>> = BTreeMap::new();
    let mut created: BTreeMap<&str, &Write> = BTreeMap::new();
    for write in proper(case).filter(|write| !write.refused()) {
        match (write.task, &write.title) {
            (Some(task), _) => of_task.entry(task).or_default().push(write),
            (None, Some(title)) => drop(created.insert(title, write)),
            (None, None) => {}
        }
    }
    let mut count = 0;
    for (task, changes) in &events.tasks {
        let writes = of_task.get(task).map_or(&[][..], Vec::as_slice);
        for event in changes {
            count += 1;
            let asked = writes.iter().any(|write| may_be_of(event, write))
                || created
                    .get(event.title())
                    .is_some_and(|write| may_be_of(event, write));
            if !asked {
                verdict.violation(|| {
                    format!(
                        "{} of task {task}, version {}",
                        event.change(),
                        event.version()
                    )
                });
            }
        }
    }
    let refused: BTreeSet<&str> = case
        .books
        .writes
        .iter()
        .filter(|write| write.improper || write.refused())
        .filter_map(|write| write.title.as_deref())
        .collect();
    for row in case
        .evidence
        .tasks
        .iter()
        .filter(|row| refused.contains(row.title.as_str()))
    {
        verdict.violation(|| format!("task {} has the refused title {}", row.id, row.title));
    }
    verdict.figures = format!("{count} events, {} refused titles", refused.len());
    verdict
}

/// A title belongs to one write, so that a second event which sets it is that
/// write done again.
pub fn done_once(case: &Case, events: &Events) -> Verdict {
    let mut verdict = Verdict::new(
        "done-once",
        "a request that is sent again with its Idempotency-Key is not done again",
    );
    let mut set: BTreeMap<&str, usize> = BTreeMap::new();
    let changes = events.tasks.values().flatten();
    for event in changes.filter(|event| matches!(event.change(), "created" | "updated")) {
        *set.entry(event.title()).or_default() += 1;
    }
    let mut count = 0;
    for title in proper(case).filter_map(|write| write.title.as_deref()) {
        count += 1;
        if let Some(times @ 2..) = set.get(title) {
            verdict.violation(|| format!("{title}: {times} times"));
        }
    }
    let keyed = case.books.writes.iter().filter(|write| write.keyed).count();
    verdict.figures = format!("{count} titles, {keyed} writes with a key");
    verdict
}

/// What is proper is not refused, and what is improper is.
pub fn answers(case: &Case) -> Verdict {
    let mut verdict = Verdict::new(
        "answers",
        "what is in order is not refused, and nothing else is accepted",
    );
    let mut count = 0;
    for write in &case.books.writes {
        count += 1;
        match &write.answer {
            Answer::Acknowledged(_) if write.improper => {
                verdict
                    .violation(|| format!("{:?} of {:?} was accepted", write.change, write.task));
            }
            // Whoever sends too much is told so, rightly.
            Answer::Refused { status, code }
                if !write.improper && (400..500).contains(status) && *status != 429 =>
            {
                verdict.violation(|| {
                    format!("{:?} of {:?}: {status} {code}", write.change, write.task)
                });
            }
            _ => {}
        }
    }
    verdict.figures = format!("{count} answers");
    verdict
}

/// What was acknowledged can be read through the API.
pub fn readable(case: &Case, histories: &Histories) -> Verdict {
    let mut verdict = Verdict::new("readable", "the API answers with what it acknowledged last");
    let mut count = 0;
    for (task, answer) in &case.evidence.answers {
        let Some(history) = histories.tasks.get(task) else {
            continue;
        };
        let Some(version) = history.version else {
            continue;
        };
        count += 1;
        let right = if history.deleted {
            answer.status == 404
        } else {
            answer.status == 200
                && answer.version == version
                && history
                    .title
                    .as_ref()
                    .is_none_or(|title| *title == answer.title)
        };
        if !right {
            verdict.violation(|| {
                format!(
                    "task {task}: {answer:?}, expected version {version}, deleted: {}",
                    history.deleted
                )
            });
        }
    }
    verdict.figures = format!("{count} tasks");
    verdict
}

fn proper(case: &Case) -> impl Iterator<Item = &Write> {
    case.books.writes.iter().filter(|write| !write.improper)
}

fn changes(events: &Events, task: Option<Uuid>) -> &[Event] {
    task.and_then(|task| events.tasks.get(&task))
        .map_or(&[], Vec::as_slice)
}

fn is_of(event: &Event, write: &Write) -> bool {
    write.answer == Answer::Acknowledged(event.version()) && may_be_of(event, write)
}

fn may_be_of(event: &Event, write: &Write) -> bool {
    let version = match write.answer {
        Answer::Acknowledged(version) => version == event.version(),
        _ => true,
    };
    version
        && event.change() == write.change.event()
        && write
            .title
            .as_ref()
            .is_none_or(|title| title == event.title())
}
