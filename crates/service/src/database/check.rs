use std::sync::Arc;

use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use tokio::sync::Mutex;

/// Asks the database whether it is there, on a connection of its own: a pool
/// would make it wait behind the load.
#[derive(Clone)]
pub(crate) struct Pinger {
    options: PgConnectOptions,
    connection: Arc<Mutex<Option<PgConnection>>>,
}

impl Pinger {
    pub(crate) fn new(options: PgConnectOptions) -> Self {
        Self {
            options,
            connection: Arc::default(),
        }
    }

    pub(crate) async fn ping(self) -> Result<(), String> {
        let mut slot = self.connection.lock().await;
        // Taken out while in use: if the check runs out of time in between, the
        // connection is in an unknown state and goes with it.
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => self.options.connect().await.map_err(describe)?,
        };
        connection.ping().await.map_err(describe)?;
        *slot = Some(connection);
        Ok(())
    }
}

/// One line, and nothing of the connection string.
fn describe(error: sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Database(error) => error.message().to_owned(),
        other => other.to_string(),
    }
}
