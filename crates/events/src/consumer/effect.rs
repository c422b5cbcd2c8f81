//! The effect of events: inbox rows and the handler's own changes, in one
//! transaction.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use sqlx::PgPool;
use uuid::Uuid;

use super::{Envelope, Handler, HandlerError, Outcome, Taken};
use crate::inbox;

/// How events take effect. [`run`](super::run) does it in a transaction with the
/// inbox; another way is for effects that need no memory of what came before.
pub trait Effects: Send + Sync + 'static {
    /// How many batches may be under way at once, over all partitions.
    fn concurrency(&self) -> usize;

    /// Applies all of `batch`, in order, or nothing of it; answers what became
    /// of each.
    fn apply(
        &self,
        batch: &[Taken<'_>],
    ) -> impl Future<Output = Result<Vec<Effect>, Failure>> + Send;

    /// The effect of an event is there to stay.
    fn committed(&self, envelope: &Envelope<'_>) -> impl Future<Output = ()> + Send;
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It was handled now.
    Handled(Outcome),
    /// It had taken effect before.
    Duplicate,
}

/// Why nothing took effect.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong.
    pub error: HandlerError,
    /// The connection was lost while committing this: it may have taken effect,
    /// and the inbox will tell. Empty if nothing was committed.
    pub uncertain: Vec<Effect>,
}

impl<E: Into<HandlerError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            uncertain: Vec::new(),
        }
    }
}

/// A handler's changes and the inbox row, in one transaction.
pub(super) struct InTransaction<H> {
    pub pool: PgPool,
    pub group: String,
    pub handler: H,
}

impl<H: Handler> Effects for InTransaction<H> {
    /// Half of the pool: the rest is for whoever else works in this process.
    fn concurrency(&self) -> usize {
        (self.pool.options().get_max_connections() / 2).max(1) as usize
    }

    async fn apply(&self, batch: &[Taken<'_>]) -> Result<Vec<Effect>, Failure> {
        let Some(first) = batch.first() else {
            return Ok(Vec::new());
        };
        let ids: Vec<Uuid> = batch.iter().map(|taken| taken.envelope.id).collect();
        let mut tx = service::database::begin(&self.pool).await?;
        let taking_up = inbox::take_up(&mut tx, &self.group, &ids);
        let mut new = first.span.scope(taking_up).await?;
        service::planted!("inbox_not_atomic" => {
            tx.commit().await?;
            tx = service::database::begin(&self.pool).await?;
        });
        let mut effects = Vec::with_capacity(batch.len());
        for taken in batch {
            let known = service::planted!(
                "duplicate_without_inbox" => false,
                else !new.remove(&taken.envelope.id)
            );
            if known {
                effects.push(Effect::Duplicate);
                continue;
            }
            let handled = taken
                .span
                .scope(self.handler.handle(&mut tx, &taken.envelope));
            // An event that makes a handler panic would do so after every restart.
            let outcome = AssertUnwindSafe(handled)
                .catch_unwind()
                .await
                .unwrap_or_else(|_| {
                    Err(HandlerError::permanent("panic", "the handler panicked"))
                })?;
            effects.push(Effect::Handled(outcome));
        }
        match tx.commit().await {
            Ok(()) => Ok(effects),
            Err(error) => Err(Failure {
                error: error.into(),
                uncertain: effects,
            }),
        }
    }

    async fn committed(&self, envelope: &Envelope<'_>) {
        self.handler.committed(envelope).await;
    }
}
