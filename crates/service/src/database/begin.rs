//! Transactions that begin for certain, or not at all.
//!
//! sqlx forgets a `BEGIN` whose answer nobody waited for, as happens to a request
//! at its deadline while the database hangs: the connection goes back to the pool
//! inside a transaction. What the next request writes with a statement of its own
//! is acknowledged then, and never committed. `make chaos SEED=503` found it.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sqlx::{
    PgPool, Postgres, Transaction,
    pool::{MaybePoolConnection, PoolConnectionMetadata},
};

/// When a beginning was last given up.
static GIVEN_UP: Mutex<Option<Instant>> = Mutex::new(None);

/// A transaction on a connection of this pool.
///
/// # Errors
/// What the pool or the database says.
pub async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    begin_on(pool.acquire().await?).await
}

/// A transaction on this connection; within a transaction, a savepoint.
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
