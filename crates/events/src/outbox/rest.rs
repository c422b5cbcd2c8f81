//! A relay's rest. While it holds the lock of the resting, whoever writes an event
//! rings; while it does not, nobody does, and it has to look by itself. The
//! migration says why.

use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use telemetry::untraced;

use crate::metrics::OUTBOX_REST;

/// The lock's number: "outbox" in ASCII; the trigger has it too.
const LOCK: i64 = 122_550_254_464_888;

/// What a lane shall do that found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// Writers ring from now on, but what came before may have been overlooked.
    LookOnceMore,
    /// Wait to be rung for.
    Granted,
    /// Somebody is writing: look again soon.
    Refused,
}

/// What a lane has looked for, and found nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Looked {
    /// While nobody rang.
    #[default]
    InVain,
    /// While this grant of ours held.
    Granted(u64),
    /// While another relay rested, and so writers rang for all.
    Shared,
}

/// The leave to rest, held on a connection of its own: the lock goes with it.
#[derive(Debug)]
pub(super) struct Rest {
    options: Arc<PgConnectOptions>,
    connection: Option<PgConnection>,
    /// Counts the grants.
    number: u64,
    is_granted: bool,
}

impl Rest {
    pub fn new(pool: &PgPool) -> Self {
        Self {
            options: pool.connect_options(),
            connection: None,
            number: 0,
            is_granted: false,
        }
    }

    /// Asks for leave for a lane that found nothing.
    pub async fn ask(&mut self, looked: &mut Looked) -> Result<Leave, sqlx::Error> {
        if !self.is_granted {
            let (granted, taken) = self.try_lock().await?;
            if granted {
                self.is_granted = true;
                self.number += 1;
            } else {
                return Ok(match (taken, std::mem::take(looked)) {
                    (false, _) => Leave::Refused,
                    (true, Looked::Shared) => Leave::Granted,
                    (true, _) => {
                        *looked = Looked::Shared;
                        Leave::LookOnceMore
                    }
                });
            }
        }
        let current = Looked::Granted(self.number);
        if *looked == current {
            return Ok(Leave::Granted);
        }
        *looked = current;
        Ok(Leave::LookOnceMore)
    }

    /// Ends the rest: writers need not ring.
    pub async fn end(&mut self) {
        if !std::mem::take(&mut self.is_granted) {
            return;
        }
        let Some(connection) = &mut self.connection else {
            return;
        };
        let unlock = sqlx::query("SELECT pg_advisory_unlock($1)")
            .bind(LOCK)
            .execute(connection);
        if untraced(OUTBOX_REST.run(unlock)).await.is_err() {
            // The server lets go of the lock together with the connection.
            self.connection = None;
        }
    }

    /// Notices that the connection was lost, and the lock with it.
    pub async fn verify(&mut self) {
        if let Some(connection) = &mut self.connection
            && connection.ping().await.is_err()
        {
            self.connection = None;
            self.is_granted = false;
        }
    }

    /// Whether we got the lock, and whether someone has it for himself.
    async fn try_lock(&mut self) -> Result<(bool, bool), sqlx::Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        let query = sqlx::query_as(
            "SELECT pg_try_advisory_lock($1),
                    EXISTS (SELECT FROM pg_locks
                            WHERE locktype = 'advisory' AND granted AND mode = 'ExclusiveLock'
                              AND database = (SELECT oid FROM pg_database
                                              WHERE datname = current_database())
                              AND (classid::bigint << 32) | objid::bigint = $1)",
        )
        .bind(LOCK)
        .fetch_one(&mut connection);
        let answer = untraced(OUTBOX_REST.run(query)).await?;
        self.connection = Some(connection);
        Ok(answer)
    }
}
