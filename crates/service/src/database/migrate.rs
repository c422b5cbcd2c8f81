use std::collections::HashMap;

use sqlx::{
    PgPool,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// Brings the schema up to date, if it is not.
///
/// One query tells that nothing is to be done, so that a start costs next to
/// nothing; only otherwise the migrator takes its lock and works.
pub async fn migrate(pool: &PgPool, migrator: &Migrator) -> Result<(), MigrateError> {
    if is_current(pool, migrator).await? {
        return Ok(());
    }
    // A migration may take longer than a request: the last option counts.
    let options = PgConnectOptions::clone(&pool.connect_options());
    let patient = PgPoolOptions::new()
        .max_connections(1)
        .connect_lazy_with(options.options([("statement_timeout", "0")]));
    let migrated = migrator.run(&patient).await;
    patient.close().await;
    migrated?;
    tracing::info!(
        migrations = migrator.iter().count() as u64,
        "database_migrated"
    );
    Ok(())
}

async fn is_current(pool: &PgPool, migrator: &Migrator) -> Result<bool, sqlx::Error> {
    let rows: Result<Vec<(i64, Vec<u8>)>, _> =
        sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations WHERE success")
            .fetch_all(pool)
            .await;
    let applied: HashMap<_, _> = match rows {
        Ok(rows) => rows.into_iter().collect(),
        // The table is not there yet.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => {
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    Ok(migrator
        .iter()
        .filter(|migration| !migration.migration_type.is_down_migration())
        .all(|migration| {
            applied
                .get(&migration.version)
                .is_some_and(|sum| **sum == *migration.checksum)
        }))
}

/// Whether the error means that the database was not reached or not ready, so
/// that trying again may help.
pub fn is_unreachable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::Tls(_)
        | sqlx::Error::WorkerCrashed => true,
        // Class 08: connection; 57P01 to 57P03: going down or starting up;
        // 53300: too many connections.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            code.starts_with("08") || matches!(&*code, "57P01" | "57P02" | "57P03" | "53300")
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_absent_database_is_worth_waiting_for() {
        assert!(is_unreachable(&sqlx::Error::PoolTimedOut));
        assert!(!is_unreachable(&sqlx::Error::RowNotFound));
    }
}
