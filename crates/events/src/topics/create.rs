//! Creating the topics, for a launcher or a test. In a deployment that is the
//! work of whoever owns the cluster; a service never does it by itself.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::{ALL, full_name};
use crate::client;

/// Dead letters wait for a person, who may be on holiday.
const DEAD_LETTER_RETENTION_MS: &str = "2592000000";
const PATIENCE: Duration = Duration::from_secs(10);

/// Why the topics are not there.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The broker could not be asked.
    #[error("the topics cannot be created: {0}")]
    Client(#[from] KafkaError),
    /// The broker refused one.
    #[error("the topic {topic} cannot be created: {code}")]
    Refused {
        /// Its name at the broker.
        topic: String,
        /// What the broker said.
        code: RDKafkaErrorCode,
    },
}

/// Creates all topics and their dead-letter topics, where they do not exist.
/// Dead letters have one partition: few, and read in order by a person.
pub async fn create(
    brokers: &str,
    prefix: &str,
    partitions: i32,
    replication: i32,
) -> Result<(), CreateError> {
    let admin: AdminClient<DefaultClientContext> =
        client::config(brokers, "glasshouse-admin").create()?;
    let names: Vec<(String, String)> = ALL
        .iter()
        .map(|topic| {
            (
                full_name(prefix, topic.name()),
                full_name(prefix, topic.dead_letters()),
            )
        })
        .collect();
    let dead_letter_bytes = client::DEAD_LETTER_MAX_BYTES.to_string();
    let wanted: Vec<NewTopic<'_>> = names
        .iter()
        .flat_map(|(topic, dead_letters)| {
            [
                // By the broker's clock: by ours, an event would be refused as
                // soon as that is an hour ahead.
                NewTopic::new(topic, partitions, TopicReplication::Fixed(replication))
                    .set("message.timestamp.type", "LogAppendTime"),
                NewTopic::new(dead_letters, 1, TopicReplication::Fixed(replication))
                    .set("retention.ms", DEAD_LETTER_RETENTION_MS)
                    .set("max.message.bytes", &dead_letter_bytes),
            ]
        })
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    for created in admin.create_topics(&wanted, &options).await? {
        match created {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(CreateError::Refused { topic, code }),
        }
    }
    Ok(())
}
