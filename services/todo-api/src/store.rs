//! The database as a request uses it: an admitted connection, or the
//! transaction that the request's `Idempotency-Key` belongs to. The statements
//! are in the `store.rs` of each capability.

use std::{
    convert::Infallible,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex as StdMutex, PoisonError},
};

use axum::extract::FromRequestParts;
use http::request::Parts;
use service::{
    Health,
    database::{self, Admission, Admitted, is_unreachable},
};
use sqlx::{PgConnection, Postgres, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{AppState, Error, metrics, tasks::Operation};

/// Where tasks are kept. As an extractor it is bound to the request's
/// transaction, if there is one.
#[derive(Clone)]
pub(crate) struct Store {
    admission: Admission,
    health: Health,
    unit: Option<Unit>,
}

/// A transaction that everything a request does is part of.
#[derive(Clone)]
pub(crate) struct Unit {
    transaction: Arc<Mutex<Admitted<Transaction<'static, Postgres>>>>,
    /// What counts once the transaction is committed.
    done: Arc<StdMutex<Vec<Operation>>>,
}

impl Unit {
    pub(crate) fn new(transaction: Admitted<Transaction<'static, Postgres>>) -> Self {
        Self {
            transaction: Arc::new(Mutex::new(transaction)),
            done: Arc::default(),
        }
    }

    /// The transaction, once nobody else holds it, and the operations that are to
    /// be counted when it is committed.
    pub(crate) fn into_inner(
        self,
    ) -> Option<(Admitted<Transaction<'static, Postgres>>, Vec<Operation>)> {
        let transaction = Arc::into_inner(self.transaction)?.into_inner();
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        Some((transaction, std::mem::take(&mut *done)))
    }
}

impl Store {
    pub(crate) fn new(admission: Admission, health: Health) -> Self {
        Self {
            admission,
            health,
            unit: None,
        }
    }

    /// A connection, within the request's transaction if it has one. Hold one at
    /// a time: in a transaction there is no other.
    pub(crate) async fn connection(&self) -> Result<Connection, sqlx::Error> {
        match &self.unit {
            Some(unit) => Ok(Connection::Unit(
                unit.transaction.clone().lock_owned().await,
            )),
            None => self.admission.connection().await.map(Connection::Admitted),
        }
    }

    /// A transaction, to be made the [`Unit`] of a request.
    pub(crate) async fn begin(
        &self,
    ) -> Result<Admitted<Transaction<'static, Postgres>>, sqlx::Error> {
        self.admission.begin().await
    }

    /// Counts an operation that was carried out: at once, or with the request's
    /// transaction if it has one.
    pub(crate) fn done(&self, operation: Operation) {
        match &self.unit {
            Some(unit) => {
                let mut done = unit.done.lock().unwrap_or_else(PoisonError::into_inner);
                done.push(operation);
            }
            None => metrics::operation_done(operation),
        }
    }

    /// Refuses at once what would only wait for a database that is away. The
    /// check decides when to try again.
    pub(crate) fn available(&self) -> Result<(), Error> {
        if !self.admission.is_idle() && self.health.lost("database") {
            return Err(Error::DatabaseUnavailable);
        }
        Ok(())
    }

    /// What a failed query means to the caller.
    pub(crate) fn failed(&self, error: sqlx::Error) -> Error {
        match error {
            // The pool keeps trying while nobody answers, so that an absent
            // database looks like a busy one. The check knows which it is.
            sqlx::Error::PoolTimedOut if !self.health.lost("database") => Error::Overloaded,
            error if is_unreachable(&error) => {
                tracing::debug!(error = %error, "database_unavailable");
                Error::DatabaseUnavailable
            }
            error => match error.as_database_error().and_then(|error| error.code()) {
                // Given up by statement_timeout.
                Some(code) if code == "57014" => Error::TooSlow,
                // A deadlock, and what comes after it in the same transaction.
                Some(code) if code == "40P01" || code == "25P02" => Error::Overloaded,
                _ => Error::Database(error),
            },
        }
    }
}

impl FromRequestParts<AppState> for Store {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        Ok(Self {
            unit: parts.extensions.get::<Unit>().cloned(),
            ..state.store.clone()
        })
    }
}

/// A connection to run statements on.
pub(crate) enum Connection {
    /// One of its own.
    Admitted(Admitted<database::Connection>),
    /// That of the request's transaction.
    Unit(OwnedMutexGuard<Admitted<Transaction<'static, Postgres>>>),
}

impl Connection {
    /// Leaves it to the next request as it is: its statements were awaited. Dropped
    /// instead, it is looked at first, which costs a round trip.
    pub(crate) fn pass_on(self) {
        if let Self::Admitted(connection) = self {
            connection.pass_on();
        }
    }
}

impl Deref for Connection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Admitted(connection) => connection,
            Self::Unit(transaction) => transaction,
        }
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Admitted(connection) => connection,
            Self::Unit(transaction) => transaction,
        }
    }
}
