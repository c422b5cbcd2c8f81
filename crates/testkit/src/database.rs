//! A database for one test.

use std::path::Path;

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};

use crate::{Backing, unique};

/// A new, empty database. It goes with the server at the end of the run.
#[derive(Clone, Debug)]
pub struct Database {
    /// Its address, for the service.
    pub url: String,
}

impl Database {
    /// Creates it.
    ///
    /// # Panics
    /// When PostgreSQL does not let us.
    pub async fn create(backing: &Backing, service: &str) -> Self {
        let name = unique(&format!("test_{}", service.replace('-', "_")));
        let mut admin = PgConnection::connect(&backing.postgres)
            .await
            .expect("PostgreSQL");
        admin
            .execute(AssertSqlSafe(format!(r#"CREATE DATABASE "{name}""#)))
            .await
            .expect("a database");
        let (server, _) = backing
            .postgres
            .rsplit_once('/')
            .expect("a database URL ends in /name");
        Self {
            url: format!("{server}/{name}"),
        }
    }

    /// Applies the migrations of a folder up to a version, as an older release did.
    ///
    /// # Panics
    /// When they cannot be applied, or there is no such version.
    pub async fn migrate_to(&self, folder: impl AsRef<Path>, version: i64) {
        let mut migrator = Migrator::new(folder.as_ref()).await.expect("migrations");
        assert!(migrator.version_exists(version), "there is no {version}");
        // Those of other folders are kept in the same table.
        migrator.set_ignore_missing(true);
        let pool = self.pool().await;
        migrator.run_to(version, &pool).await.expect("migrated");
        pool.close().await;
    }

    /// A connection pool of the test's own, to look inside.
    ///
    /// # Panics
    /// When PostgreSQL does not let us.
    pub async fn pool(&self) -> PgPool {
        PgPool::connect(&self.url).await.expect("PostgreSQL")
    }
}
