//! The topics that events travel by, as the `events` crate names them.

use anyhow::Result;
pub use events::topics::names;

/// Enough for a few instances of each consumer.
pub const PARTITIONS: i32 = 3;

/// Creates all topics that are missing. The broker never does that by itself: a
/// misspelt name must fail.
///
/// # Errors
/// When the broker does not answer or refuses one.
pub async fn create_topics(brokers: &str, prefix: &str) -> Result<()> {
    Ok(events::topics::create(brokers, prefix, PARTITIONS, 1).await?)
}
