use std::time::Duration;

use sqlx::{PgPool, migrate::MigrateError};
use tokio_util::sync::CancellationToken;

use super::{App, BoxError, Runtime};
use crate::{
    database::is_unreachable,
    http::{Limits, accept, starting},
};

/// Brings the database up to date before the service begins. Nothing if the
/// shutdown came first.
///
/// If the database is not there yet, the public port answers 503 in the
/// meantime, and its probes work, in place of leaving callers waiting.
pub(super) async fn prepare<C>(app: &App<C>, runtime: &Runtime) -> Result<Option<()>, BoxError> {
    let stop = runtime.shutdown.token();
    let migrated = migrated(app, &runtime.pool);
    let Some(listener) = &runtime.listener else {
        return stop.run_until_cancelled(migrated).await.transpose();
    };
    let mut migrated = std::pin::pin!(migrated);
    tokio::select! {
        result = &mut migrated => return result.map(Some),
        () = tokio::time::sleep(Duration::from_millis(300)) => {}
    }
    let ready = CancellationToken::new();
    let limits = Limits {
        connections: runtime.settings.max_connections,
        gauge: None,
    };
    let waiting = accept(listener, starting(runtime), limits, ready.clone());
    let preparing = async {
        let result = stop.run_until_cancelled(migrated).await;
        ready.cancel();
        result
    };
    let (open, result) = tokio::join!(waiting, preparing);
    // Their next request goes to the service itself, by a new connection.
    tokio::spawn(open.shutdown());
    result.transpose()
}

/// Migrates, however long the database takes to come up.
pub(super) async fn migrated<C>(app: &App<C>, pool: &PgPool) -> Result<(), BoxError> {
    let mut pause = Duration::from_millis(100);
    loop {
        let error = match (app.migrate)(pool.clone()).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if !worth_waiting(&error) {
            return Err(format!("the database cannot be migrated: {error}").into());
        }
        tracing::warn!(error = %error, "database_awaited");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

fn worth_waiting(error: &BoxError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error.as_ref());
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<sqlx::Error>() {
            return is_unreachable(error);
        }
        if let Some(MigrateError::Execute(error)) = error.downcast_ref() {
            return is_unreachable(error);
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_an_absent_database_only() {
        let absent: BoxError = MigrateError::Execute(sqlx::Error::PoolTimedOut).into();
        assert!(worth_waiting(&absent));
        let broken: BoxError = MigrateError::VersionMissing(1).into();
        assert!(!worth_waiting(&broken));
    }
}
