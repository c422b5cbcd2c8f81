//! Dead letters.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Verdict};
use crate::fault::Topic;

/// Each dead letter is of a message that was planted, with its cause; and each
/// planted message has one.
pub fn explained(case: &Case) -> Verdict {
    let mut verdict = Verdict::new(
        "letters",
        "every dead letter is explained, and every poisoned message is one",
    );
    let planted: BTreeMap<_, _> = case
        .poisoned
        .iter()
        .map(|it| {
            (
                (it.topic, it.partition.to_string(), it.offset.to_string()),
                it.cause,
            )
        })
        .collect();
    let mut dead = BTreeSet::new();
    let mut count = 0;
    for topic in Topic::ALL {
        for letter in case.evidence.letters.get(&topic).into_iter().flatten() {
            count += 1;
            let origin = (
                topic,
                letter.header("dlq_origin_partition"),
                letter.header("dlq_origin_offset"),
            );
            let cause = letter.header("dlq_cause");
            match planted.get(&origin) {
                Some(expected) if *expected == cause => {}
                Some(expected) => verdict
                    .violation(|| format!("{origin:?} died of {cause} in place of {expected}")),
                None => verdict.violation(|| {
                    format!(
                        "{origin:?} died of {cause} ({}) and nobody poisoned it",
                        letter.header("dlq_detail")
                    )
                }),
            }
            dead.insert(origin);
        }
    }
    for origin in planted.keys().filter(|origin| !dead.contains(origin)) {
        verdict.violation(|| format!("{origin:?} was poisoned and is no dead letter"));
    }
    verdict.figures = format!(
        "{} poisoned, {count} letters of {}",
        planted.len(),
        dead.len()
    );
    verdict
}
