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
    PgPool, Postgres, SqlSafeStr, Transaction,
    pool::{MaybePoolConnection, PoolConnection},
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
    begin_with(pool.acquire().await?, None).await
}

/// As [`begin`], for a table that fills and empties faster than statistics are taken
/// of it. What is planned while it is small reads the whole of it, with all that was
/// deleted, until somebody analyzes it; this transaction goes by the indexes.
///
/// # Errors
/// As [`begin`].
pub async fn begin_by_index(pool: &PgPool) -> Begun {
    // What no index serves is still read as a whole, at a price for which PostgreSQL
    // would compile the statement first.
    let begin = "BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL jit = off";
    begin_with(pool.acquire().await?, Some(begin)).await
}

/// As [`begin`], on this connection and by this statement.
pub(super) async fn begin_with(
    connection: PoolConnection<Postgres>,
    statement: Option<&'static str>,
) -> Begun {
    let statement = statement.map(SqlSafeStr::into_sql_str);
    ToTheEnd(Some(Transaction::begin(connection, statement))).await
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

/// Whether a connection that is there since then is in no transaction for certain:
/// those that were there when a beginning was given up are replaced.
pub(super) fn is_certain(since: Instant) -> bool {
    let last = *GIVEN_UP.lock().unwrap_or_else(PoisonError::into_inner);
    last.is_none_or(|last| last < since)
}
