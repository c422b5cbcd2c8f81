//! What a consumer is told.

use std::time::Duration;

use rdkafka::ClientConfig;

use super::Budget;
use crate::client;
use crate::topics::{self, Topic};

/// Bytes that the client holds for one partition.
const QUEUE_KBYTES: &str = "4096";

/// What to consume, as whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bootstrap brokers.
    pub brokers: String,
    /// Logical name of the group; `prefix` goes in front of it at the broker.
    pub group: String,
    /// What to consume.
    pub topics: Vec<Topic>,
    /// `TOPIC_PREFIX`.
    pub prefix: String,
    /// Retries of one event.
    pub budget: Budget,
    /// How long work in hand may take when partitions are let go.
    pub drain: Duration,
    /// How long the member may stay away from its group's callbacks. No work is
    /// done there, so no handler ever takes from it.
    pub max_poll_interval: Duration,
    /// How long a member that was put out of its group may take to be in again. It
    /// joins by itself, within seconds of the coordinator's answering; librdkafka
    /// 2.12 was seen never to, and another member takes its place then.
    pub rejoin: Duration,
}

impl Settings {
    /// With the usual budget and drain time.
    pub fn new(brokers: &str, group: &str, topics: &[Topic], prefix: &str) -> Self {
        Self {
            brokers: brokers.to_owned(),
            group: group.to_owned(),
            topics: topics.to_vec(),
            prefix: prefix.to_owned(),
            budget: Budget::default(),
            drain: Duration::from_secs(10),
            max_poll_interval: Duration::from_secs(300),
            rejoin: Duration::from_secs(30),
        }
    }

    pub(super) fn client(&self) -> ClientConfig {
        let mut config = client::config(&self.brokers, &self.group);
        config
            .set("group.id", topics::full_name(&self.prefix, &self.group))
            .set("partition.assignment.strategy", "cooperative-sticky")
            // A member that was killed is noticed after this; the least that a
            // broker allows by default.
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "1500")
            .set(
                "max.poll.interval.ms",
                self.max_poll_interval.as_millis().to_string(),
            )
            .set("auto.offset.reset", "earliest")
            // Offsets are stored by us, when the effect is committed; the client
            // commits what is stored.
            .set("enable.auto.offset.store", "false")
            .set("enable.auto.commit", "true")
            .set("auto.commit.interval.ms", "1000")
            .set("allow.auto.create.topics", "true")
            .set("topic.metadata.refresh.interval.ms", "5000")
            .set("queued.max.messages.kbytes", QUEUE_KBYTES)
            // With fewer, a quick handler waits for fetches most of its time.
            .set("queued.min.messages", "10000")
            .set("fetch.queue.backoff.ms", "5")
            .set("fetch.error.backoff.ms", "100")
            .set("fetch.max.bytes", "8388608");
        config
    }
}
