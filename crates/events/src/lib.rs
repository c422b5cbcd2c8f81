//! Events between services: their contracts, and the way from a row in one
//! service's database to an effect in another's.
//!
//! The path of an event: [`contracts`] → [`outbox::Entry`], committed with the
//! state it tells of → [`outbox::Relay`] → [`producer`] → Kafka →
//! [`consumer`] → the effect, committed with a row of the inbox. At every step
//! it may be repeated, and at none it can be lost.

mod backoff;
mod client;
pub mod cloudevents;
pub mod consumer;
pub mod contracts;
mod dependency;
mod doorbell;
mod inbox;
pub mod metrics;
pub mod outbox;
pub mod producer;
pub mod redrive;
pub mod topics;

pub use backoff::Backoff;
pub use dependency::Dependency;
pub use doorbell::{Doorbell, Listener};

use sqlx::PgPool;
use sqlx::migrate::MigrateError;

/// Brings the outbox and inbox tables up to date; to be called before a
/// service's own migrations, which share the table of versions.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    let mut migrator = sqlx::migrate!("./migrations");
    migrator.set_ignore_missing(true);
    service::database::migrate(pool, &migrator).await
}
