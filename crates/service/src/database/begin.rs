//! Transactions that begin for certain, or not at all.
//!
//! sqlx forgets a `BEGIN` whose answer nobody waited for, as happens to a request
//! at its deadline while the database hangs: the connection goes back to the pool
//! inside a transaction. What the next request writes with a statement of its own
//! is acknowledged then, and never committed. `make chaos SEED=503` found it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures_util::future::BoxFuture;
use sqlx::{
    PgPool, Postgres, Transaction,
    pool::{MaybePoolConnection, PoolConnectionMetadata},
};
use tokio::runtime::Handle;

/// When a beginning on a borrowed connection was last given up.
static GIVEN_UP: Mutex<Option<Instant>> = Mutex::new(None);

type Begun = Result<Transaction<'static, Postgres>, sqlx::Error>;

/// A transaction on a connection of this pool. Given up halfway, it is begun
/// nevertheless, and rolled back, before anybody else has its connection.
///
/// # Errors
/// What the pool or the database says.
pub async fn begin(pool: &PgPool) -> Begun {
    let connection = pool.acquire().await?;
    ToTheEnd(Some(Transaction::begin(connection, None))).await
}

/// A future that a task goes on with when nobody waits for it any more.
struct ToTheEnd(Option<BoxFuture<'static, Begun>>);

impl Future for ToTheEnd {
    type Output = Begun;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Begun> {
        let Some(begin) = &mut self.0 else {
            return Poll::Pending;
        };
        let begun = ready!(begin.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(begun)
    }
}

impl Drop for ToTheEnd {
    fn drop(&mut self) {
        // Without a runtime nobody will use the connection either.
        if let (Some(begin), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(begin);
        }
    }
}

/// A transaction on this connection; within a transaction, a savepoint. Given up
/// halfway, it costs every connection of [`super::pool`]'s pools that is open then.
///
/// # Errors
/// What the database says.
pub async fn begin_on<'c>(
    connection: impl Into<MaybePoolConnection<'c, Postgres>>,
) -> Result<Transaction<'c, Postgres>, sqlx::Error> {
    let mut begin = Transaction::begin(connection, None);
    // Dropped before the connection is, and so before anybody else can have it.
    let mut beginning = Beginning { certain: false };
    let transaction = (&mut begin).await?;
    beginning.certain = true;
    Ok(transaction)
}

/// Dropped before it is certain, it leaves word for [`is_certain`].
struct Beginning {
    certain: bool,
}

impl Drop for Beginning {
    fn drop(&mut self) {
        if !self.certain {
            let mut last = GIVEN_UP.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some(Instant::now());
        }
    }
}

/// Whether a connection that comes from a pool is in no transaction for certain:
/// those that were there when a beginning was given up are replaced.
pub(super) fn is_certain(connection: &PoolConnectionMetadata) -> bool {
    let last = *GIVEN_UP.lock().unwrap_or_else(PoisonError::into_inner);
    last.is_none_or(|last| connection.age < last.elapsed())
}
