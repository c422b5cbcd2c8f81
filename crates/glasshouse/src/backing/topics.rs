//! The topics that events travel by.

use std::time::Duration;

use anyhow::{Result, bail};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;

/// Topics with events; each has a dead-letter topic, `<topic>.dlq`, beside it.
pub const TOPICS: [&str; 4] = [
    "todo.tasks.v1",
    "chat.messages.v1",
    "chat.inbound.v1",
    "notifications.v1",
];

/// Enough for a few instances of each consumer.
pub const PARTITIONS: i32 = 3;

/// Every topic's full name, for a set of services that share `prefix`.
pub fn names(prefix: &str) -> Vec<String> {
    let both = |topic| [format!("{prefix}{topic}"), format!("{prefix}{topic}.dlq")];
    TOPICS.into_iter().flat_map(both).collect()
}

/// Creates all topics that are missing. The broker never does that by itself: a
/// misspelt name must fail.
///
/// # Errors
/// When the broker does not answer or refuses one.
pub async fn create_topics(brokers: &str, prefix: &str) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .create()?;
    let names = names(prefix);
    let wanted: Vec<_> = names
        .iter()
        .map(|name| NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1)))
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
    for result in admin.create_topics(&wanted, &options).await? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => bail!("topic {topic}: {code}"),
        }
    }
    Ok(())
}
