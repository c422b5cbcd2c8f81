use std::collections::HashMap;

use sqlx::{
    PgPool,
    migrate::{MigrateError, Migrator},
};

/// Brings the schema up to date, if it is not.
///
/// One query tells that nothing is to be done, so that a start costs next to
/// nothing; only otherwise the migrator takes its lock and works.
pub async fn migrate(pool: &PgPool, migrator: &Migrator) -> Result<(), MigrateError> {
    if is_current(pool, migrator).await? {
        return Ok(());
    }
    migrator.run(pool).await?;
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
