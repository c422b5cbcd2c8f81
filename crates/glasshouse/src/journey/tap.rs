//! Reads along on the two topics that the action passes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use rdkafka::consumer::{BaseConsumer, Consumer, StreamConsumer};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::Value;
use tokio::time::timeout;

const TASKS: &str = "todo.tasks.v1";
const NOTIFICATIONS: &str = "notifications.v1";
const PATIENCE: Duration = Duration::from_secs(15);

/// An event of the journey's trace, seen on Kafka.
pub(super) struct Event {
    /// When it happened (`ce_time`).
    pub(super) occurred: DateTime<Utc>,
    /// When it was handed to Kafka.
    pub(super) published: DateTime<Utc>,
    body: Value,
}

impl Event {
    /// How late a reminder was fired.
    pub(super) fn lateness(&self) -> TimeDelta {
        let time = |field: &str| {
            let text = self.body[field].as_str()?;
            DateTime::parse_from_rfc3339(text).ok()
        };
        match (time("fired_at"), time("remind_at")) {
            (Some(fired), Some(due)) => fired - due,
            _ => TimeDelta::zero(),
        }
    }
}

/// A consumer without a group: it takes nothing away from anybody.
pub(super) struct Tap {
    consumer: StreamConsumer,
    prefix: String,
    trace_id: String,
}

impl Tap {
    /// Begins to read both topics at their ends.
    pub(super) async fn open(brokers: &str, prefix: &str, trace_id: &str) -> Result<Self> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", brokers)
            .set("group.id", "glasshouse-journey")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "20");
        let shared = Arc::new(config);
        let (config, prefix) = (Arc::clone(&shared), prefix.to_owned());
        let of_prefix = prefix.clone();
        let ends = tokio::task::spawn_blocking(move || ends(&config, &of_prefix));
        let consumer: StreamConsumer = shared.create()?;
        consumer.assign(&ends.await?.context("reading the topics' ends")?)?;
        Ok(Self {
            consumer,
            prefix,
            trace_id: trace_id.to_owned(),
        })
    }

    /// Waits for the task's event.
    pub(super) async fn task_event(&mut self) -> Result<Event> {
        self.next(TASKS).await
    }

    /// Waits for the reminder's notification.
    pub(super) async fn notification(&mut self) -> Result<Event> {
        self.next(NOTIFICATIONS).await
    }

    async fn next(&mut self, topic: &str) -> Result<Event> {
        let full = format!("{}{topic}", self.prefix);
        let search = async {
            loop {
                let message = self.consumer.recv().await?;
                if message.topic() == full && self.is_ours(&message) {
                    return read(&message);
                }
            }
        };
        timeout(PATIENCE, search)
            .await
            .with_context(|| format!("nothing on {full} in {} s", PATIENCE.as_secs()))?
    }

    fn is_ours(&self, message: &BorrowedMessage<'_>) -> bool {
        header(message, "traceparent").is_some_and(|value| value.contains(&self.trace_id))
    }
}

fn header<'a>(message: &'a BorrowedMessage<'_>, name: &str) -> Option<&'a str> {
    let headers = message.headers()?;
    let found = headers.iter().find(|header| header.key == name)?;
    std::str::from_utf8(found.value?).ok()
}

fn read(message: &BorrowedMessage<'_>) -> Result<Event> {
    let published = message.timestamp().to_millis();
    let occurred = header(message, "ce_time").context("no ce_time")?;
    Ok(Event {
        occurred: DateTime::parse_from_rfc3339(occurred)?.to_utc(),
        published: published
            .and_then(DateTime::from_timestamp_millis)
            .context("no time of publishing")?,
        body: serde_json::from_slice(message.payload().unwrap_or_default())?,
    })
}

/// Where each partition ends now: asked for beforehand, so that nothing that
/// comes later is missed. Topics just created have no leader for a moment.
fn ends(config: &ClientConfig, prefix: &str) -> Result<TopicPartitionList> {
    let consumer: BaseConsumer = config.create()?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ends_now(&consumer, prefix) {
            Err(_) if Instant::now() < deadline => {
                // On a blocking thread, and librdkafka has no "wait for leader".
                consumer.poll(Duration::from_millis(100));
            }
            ends => return ends,
        }
    }
}

fn ends_now(consumer: &BaseConsumer, prefix: &str) -> Result<TopicPartitionList> {
    let wait = Duration::from_secs(5);
    let mut ends = TopicPartitionList::new();
    for topic in [TASKS, NOTIFICATIONS] {
        let topic = format!("{prefix}{topic}");
        let metadata = consumer.fetch_metadata(Some(&topic), wait)?;
        let partitions: Vec<_> = metadata
            .topics()
            .iter()
            .flat_map(|topic| topic.partitions())
            .collect();
        ensure!(!partitions.is_empty(), "{topic} has no partitions yet");
        for partition in partitions {
            let (_, end) = consumer.fetch_watermarks(&topic, partition.id(), wait)?;
            ends.add_partition_offset(&topic, partition.id(), Offset::Offset(end))?;
        }
    }
    Ok(ends)
}
