//! Chat.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Case, Verdict};

/// A message that came back is kept, once, however often it was sent.
pub fn messages(case: &Case) -> Verdict {
    let mut verdict = Verdict::new(
        "chat",
        "a message that came back is kept once, however often it was sent",
    );
    let mut kept: BTreeMap<(Uuid, &str), usize> = BTreeMap::new();
    for row in &case.evidence.messages {
        *kept
            .entry((row.user_id, row.client_id.as_deref().unwrap_or_default()))
            .or_default() += 1;
    }
    let mut acknowledged = 0;
    for said in &case.books.said {
        let count = kept
            .remove(&(said.user, said.id.as_str()))
            .unwrap_or_default();
        acknowledged += usize::from(said.acknowledged);
        if count > 1 || (said.acknowledged && count == 0) {
            verdict.violation(|| format!("{said:?} is kept {count} times"));
        }
    }
    for ((user, id), _) in kept {
        verdict.violation(|| format!("{id} of {user} was never said"));
    }
    verdict.figures = format!("{acknowledged} of {} came back", case.books.said.len());
    verdict
}
