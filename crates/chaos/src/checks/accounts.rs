//! Nothing goes missing on the way: what came in is what was dealt with.

use std::collections::{BTreeMap, BTreeSet};

use super::events::Events;
use super::{Case, Verdict};
use crate::fault::Topic;

/// Produced = processed + dead + skipped, for each topic.
pub fn balance(case: &Case, events: &Events) -> Verdict {
    let mut verdict = Verdict::new(
        "balance",
        "produced = processed + dead + skipped, on each topic",
    );
    let mut figures = Vec::new();
    // A service has one inbox for all that it reads.
    let mut inboxes = case.evidence.inboxes.clone();
    for topic in Topic::ALL {
        let inbox = inboxes.entry(topic.reader()).or_default();
        let ids: BTreeSet<&String> = events.of(topic).iter().map(|event| &event.id).collect();
        let all = ids.len();
        let missing = ids
            .into_iter()
            .filter(|id| !inbox.remove(*id))
            .collect::<Vec<_>>();
        for id in &missing {
            verdict.violation(|| format!("{}: event {id} was not processed", topic.name()));
        }
        let processed = all - missing.len();
        let produced = case.evidence.topics.get(&topic).map_or(0, Vec::len);
        let skipped = events.repeats.get(&topic).copied().unwrap_or_default();
        let origins: BTreeSet<_> = case
            .evidence
            .letters
            .get(&topic)
            .into_iter()
            .flatten()
            .map(|letter| {
                (
                    letter.header("dlq_origin_partition"),
                    letter.header("dlq_origin_offset"),
                )
            })
            .collect();
        let dead = origins.len();
        if produced != processed + dead + skipped {
            verdict.violation(|| {
                format!(
                    "{}: {produced} ≠ {processed} + {dead} + {skipped}",
                    topic.name()
                )
            });
        }
        figures.push(format!("{produced} = {processed} + {dead} + {skipped}"));
    }
    for (reader, rest) in &inboxes {
        for id in rest {
            verdict.violation(|| {
                format!(
                    "{}: event {id} was processed and never produced",
                    reader.name()
                )
            });
        }
    }
    verdict.figures = figures.join("; ");
    verdict
}

/// No event took effect twice, as the consumers themselves tell it.
pub fn handled_once(case: &Case) -> Verdict {
    let mut verdict = Verdict::new(
        "once",
        "no event is handled twice, however often it is delivered",
    );
    let mut ids = BTreeMap::new();
    for (topic, records) in &case.evidence.topics {
        for record in records {
            ids.insert(
                (*topic, record.partition, record.offset),
                record.header("ce_id"),
            );
        }
    }
    let mut counts: BTreeMap<(Topic, &String), u64> = BTreeMap::new();
    for (place, count) in &case.evidence.handled {
        if let Some(id) = ids.get(place) {
            *counts.entry((place.0, id)).or_default() += count;
        }
    }
    for ((topic, id), count) in counts.iter().filter(|(_, count)| **count > 1) {
        verdict.violation(|| format!("{}: event {id} was handled {count} times", topic.name()));
    }
    verdict.figures = format!("{} events", counts.len());
    verdict
}

/// Outboxes, topics and schedule are empty, and nothing was set aside.
pub fn nothing_left(case: &Case) -> Verdict {
    let mut verdict = Verdict::new(
        "nothing-left",
        "the work comes to an end: nothing waits, nothing was set aside",
    );
    let left = &case.left;
    verdict.figures = format!(
        "{} rows, {} messages, {} reminders, {} set aside",
        left.outbox,
        left.lag,
        left.reminders,
        case.evidence.set_aside.len()
    );
    if (left.outbox, left.lag, left.reminders) != (0, 0, 0) {
        verdict.violation(|| format!("{left:?}"));
    }
    for row in &case.evidence.set_aside {
        verdict.violation(|| format!("set aside: {row}"));
    }
    verdict
}
