//! The effect of events: inbox rows and the handler's own changes, in one
//! transaction.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use uuid::Uuid;

use super::partition::{Taken, Worker};
use super::{Handler, HandlerError, Outcome};
use crate::inbox;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It was handled now.
    Handled(Outcome),
    /// It had taken effect before.
    Duplicate,
}

/// Why nothing took effect.
pub(super) struct Failure {
    pub error: HandlerError,
    /// The connection was lost while committing: it may have taken effect, and
    /// the inbox will tell.
    pub uncertain: bool,
}

impl<E: Into<HandlerError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            uncertain: false,
        }
    }
}

/// Applies all of `batch`, or nothing of it.
pub(super) async fn apply<H: Handler>(
    worker: &Worker<H>,
    batch: &[Taken<'_>],
) -> Result<Vec<Effect>, Failure> {
    let Some(first) = batch.first() else {
        return Ok(Vec::new());
    };
    let group = &worker.group;
    let ids: Vec<Uuid> = batch.iter().map(|taken| taken.envelope.id).collect();
    let mut tx = group.pool.begin().await?;
    let taking_up = inbox::take_up(&mut tx, &group.settings.group, &ids);
    let mut new = first.span.scope(taking_up).await?;
    let mut effects = Vec::with_capacity(batch.len());
    for taken in batch {
        if !new.remove(&taken.envelope.id) {
            effects.push(Effect::Duplicate);
            continue;
        }
        let handled = taken
            .span
            .scope(worker.handler.handle(&mut tx, &taken.envelope));
        // An event that makes a handler panic would do so after every restart.
        let outcome = AssertUnwindSafe(handled)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(HandlerError::permanent("panic", "the handler panicked")))?;
        effects.push(Effect::Handled(outcome));
    }
    match tx.commit().await {
        Ok(()) => Ok(effects),
        Err(error) => Err(Failure {
            error: error.into(),
            uncertain: true,
        }),
    }
}
