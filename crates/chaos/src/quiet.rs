//! Waiting until nothing is left to do: no row waits in an outbox, no message in
//! a topic, no reminder is due.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::fault::{Service, Topic};
use crate::world::World;

/// One answer of the broker.
const PATIENCE: Duration = Duration::from_secs(10);
/// Nothing may come for so long: what is just between two places is seen.
const STILL: Duration = Duration::from_millis(1500);

/// What is left to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Rows of outboxes that wait.
    pub outbox: i64,
    /// Reminders that are scheduled.
    pub reminders: i64,
    /// Messages that were not processed.
    pub lag: i64,
}

impl Left {
    fn nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Waits at most for `patience`. Answers with what was left at the end.
pub async fn wait(world: &World, patience: Duration) -> Left {
    let deadline = Instant::now() + patience;
    let mut quiet_since: Option<Instant> = None;
    loop {
        // A database or broker that does not answer is not quiet.
        let left = left(world).await.unwrap_or(Left {
            lag: -1,
            ..Left::default()
        });
        if left.nothing() {
            let since = *quiet_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= STILL {
                return left;
            }
        } else {
            quiet_since = None;
        }
        if Instant::now() > deadline {
            return left;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

async fn left(world: &World) -> Result<Left> {
    let mut outbox = 0;
    for service in [Service::TodoApi, Service::EventWorker] {
        outbox += count(
            world,
            service,
            "SELECT count(*) FROM outbox WHERE failed_at IS NULL",
        )
        .await?;
    }
    let scheduled = "SELECT count(*) FROM reminders WHERE status = 'scheduled'";
    let reminders = count(world, Service::EventWorker, scheduled).await?;
    let mut lag = 0;
    for topic in Topic::ALL {
        let brokers = world.ground.backing.kafka.brokers();
        let (name, group) = (world.topic(topic), world.group(topic));
        lag += tokio::task::spawn_blocking(move || behind(&brokers, &name, &group)).await??;
    }
    Ok(Left {
        outbox,
        reminders,
        lag,
    })
}

async fn count(world: &World, service: Service, sql: &'static str) -> Result<i64> {
    Ok(sqlx::query_scalar(sql)
        .fetch_one(world.pool(service))
        .await?)
}

/// Messages between what a group has committed and the ends of a topic.
fn behind(brokers: &str, topic: &str, group: &str) -> Result<i64> {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .create()?;
    let metadata = client.fetch_metadata(Some(topic), PATIENCE)?;
    let described = metadata.topics().first().context("the topic")?;
    let mut asked = TopicPartitionList::new();
    for partition in described.partitions() {
        asked.add_partition(topic, partition.id());
    }
    let committed = client.committed_offsets(asked, PATIENCE)?;
    let mut behind = 0;
    for element in committed.elements() {
        let (low, high) = client.fetch_watermarks(topic, element.partition(), PATIENCE)?;
        let position = match element.offset() {
            Offset::Offset(position) => position,
            _ => low,
        };
        behind += high - position;
    }
    Ok(behind)
}
