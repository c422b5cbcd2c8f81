use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::kept::{Kept, Lent};
use crate::metrics;

/// Connections that requests leave to what runs beside them, such as the outbox
/// relay: else the events of the work already accepted would wait for the load.
const RESERVED: u32 = 2;

/// The pool as requests see it: fewer connections than there are, and a short
/// wait, so that overload is told and not queued. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Admission {
    pool: PgPool,
    slots: Arc<Semaphore>,
    /// With those in use never more than there are slots: a connection is kept
    /// before its slot is free.
    kept: Kept,
    patience: Duration,
}

impl Admission {
    /// Requests wait up to `patience` for a connection of this pool.
    pub fn new(pool: PgPool, patience: Duration) -> Self {
        let all = pool.options().get_max_connections();
        // A pool too small to share is used whole.
        let slots = all.saturating_sub(RESERVED).max(all.min(RESERVED));
        Self {
            pool,
            slots: Arc::new(Semaphore::new(slots as usize)),
            kept: Kept::default(),
            patience,
        }
    }

    /// A connection.
    ///
    /// # Errors
    /// [`sqlx::Error::PoolTimedOut`] when none became free in time; whatever
    /// else the pool says.
    pub async fn connection(&self) -> Result<Admitted<Connection>, sqlx::Error> {
        let slot = self.slot().await?;
        let connection = Connection {
            lent: self.lent().await?,
            kept: self.kept.clone(),
        };
        Ok(Admitted { connection, slot })
    }

    /// A connection with a transaction begun.
    ///
    /// # Errors
    /// As [`Admission::connection`].
    pub async fn begin(&self) -> Result<Admitted<Transaction<'static, Postgres>>, sqlx::Error> {
        let slot = self.slot().await?;
        let connection = super::begin::begin_with(self.lent().await?.connection, None).await?;
        Ok(Admitted { connection, slot })
    }

    /// Whether there is a connection that nobody uses.
    pub fn is_idle(&self) -> bool {
        self.pool.num_idle() > 0 || !self.kept.is_empty()
    }

    async fn lent(&self) -> Result<Lent, sqlx::Error> {
        if let Some(lent) = self.kept.take() {
            return Ok(lent);
        }
        let connection = self.pool.acquire().await?;
        let since = Instant::now();
        Ok(Lent { connection, since })
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit, sqlx::Error> {
        let slot = self.slots.clone().acquire_owned();
        match tokio::time::timeout(self.patience, slot).await {
            Ok(Ok(slot)) => Ok(slot),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => {
                metrics::SHED_BY_DATABASE.increment(1);
                Err(sqlx::Error::PoolTimedOut)
            }
        }
    }
}

/// A connection or transaction that holds its place among the admitted.
#[derive(Debug)]
pub struct Admitted<C> {
    // Given back before its place is.
    connection: C,
    slot: OwnedSemaphorePermit,
}

/// A connection of an [`Admission`]. Dropped, it goes back to the pool, which looks
/// at it first.
#[derive(Debug)]
pub struct Connection {
    lent: Lent,
    kept: Kept,
}

impl Deref for Connection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.lent.connection
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.lent.connection
    }
}

impl Admitted<Connection> {
    /// Gives it to the next request as it is: every answer was waited for, and no
    /// transaction is open.
    pub fn pass_on(self) {
        let Self { connection, slot } = self;
        connection.kept.keep(connection.lent);
        drop(slot);
    }
}

impl Admitted<Transaction<'static, Postgres>> {
    /// Commits.
    ///
    /// # Errors
    /// What the database says. Whether it was committed is then not known.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        let Self { connection, slot } = self;
        let committed = connection.commit().await;
        drop(slot);
        committed
    }

    /// Takes everything back, and waits until that is done. Dropped instead, the
    /// transaction and its locks last until its connection is next looked after.
    pub async fn rollback(self) {
        let Self { connection, slot } = self;
        // If it fails, the connection is broken, and its end does the same.
        let _ = connection.rollback().await;
        drop(slot);
    }
}

impl<C: Deref<Target = PgConnection>> Deref for Admitted<C> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl<C: DerefMut<Target = PgConnection>> DerefMut for Admitted<C> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
