//! Order.

use std::collections::BTreeMap;

use super::Verdict;
use super::events::Events;

/// The versions of each task lie in order and without a gap, in one partition.
pub fn by_key(events: &Events) -> Verdict {
    let mut verdict = Verdict::new(
        "order",
        "the events of each key are in order, without a gap, in one partition",
    );
    for (task, changes) in &events.tasks {
        let versions: Vec<i64> = changes.iter().map(|event| event.version()).collect();
        if !versions.iter().copied().eq(1..=versions.len() as i64) {
            verdict.violation(|| format!("task {task}: versions {versions:?}"));
        }
    }
    let mut partitions = BTreeMap::new();
    let mut count = 0;
    for (topic, of_topic) in &events.first {
        for event in of_topic {
            count += 1;
            let partition = *partitions
                .entry((*topic, &event.key))
                .or_insert(event.partition);
            if partition != event.partition {
                verdict.violation(|| {
                    format!(
                        "key {} in partitions {partition} and {}",
                        event.key, event.partition
                    )
                });
            }
        }
    }
    verdict.figures = format!("{count} events, {} keys", partitions.len());
    verdict
}
