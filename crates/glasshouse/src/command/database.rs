//! The database of a service, for the commands that look into it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sqlx::PgPool;

use super::running;

/// Connects as the service does: of the system that runs here, or where this file says.
///
/// # Errors
/// When nothing runs here, the service has no database, or that is not reached.
pub(super) async fn connect(home: &Path, service: &str, file: Option<&PathBuf>) -> Result<PgPool> {
    let file = match file {
        Some(file) => file.clone(),
        None => {
            running(home)?;
            // Written there for the service by `up`.
            home.join("secrets").join(format!("{service}-database-url"))
        }
    };
    let url = fs::read_to_string(&file)
        .with_context(|| format!("{service} has no database here: {}", file.display()))?;
    PgPool::connect(url.trim())
        .await
        .with_context(|| format!("the database of {service}"))
}
