//! One redrive of a topic at a time: it is a member of a group whose only purpose
//! is that one of its members has the partitions. Two at once would lose nothing,
//! but write letters twice.

use std::time::{Duration, Instant};

use rdkafka::consumer::{Consumer as _, StreamConsumer};

use super::{CLIENT, RedriveError};
use crate::client;
use crate::topics;

/// A member that died is noticed by the broker after six seconds.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);

/// Held until it is dropped.
pub(super) struct Lock {
    attending: tokio::task::AbortHandle,
}

impl Lock {
    pub async fn take(brokers: &str, prefix: &str, topic: &str) -> Result<Self, RedriveError> {
        let consumer: StreamConsumer = client::config(brokers, CLIENT)
            .set(
                "group.id",
                format!("{}.{topic}", topics::full_name(prefix, CLIENT)),
            )
            // Who has a partition keeps it when another comes.
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "1500")
            .set("auto.offset.reset", "latest")
            .set("enable.auto.commit", "false")
            .set("fetch.error.backoff.ms", "100")
            .create()?;
        consumer.subscribe(&[topic])?;
        let deadline = Instant::now() + PATIENCE;
        let held =
            |consumer: &StreamConsumer| Ok::<_, RedriveError>(consumer.assignment()?.count() > 0);
        while !held(&consumer)? {
            if Instant::now() > deadline {
                return Err(RedriveError::Busy(topic.to_owned()));
            }
            // Serves the group; what it reads is of no interest.
            let _ = tokio::time::timeout(LOOK, consumer.recv()).await;
        }
        let attending = tokio::spawn(async move {
            loop {
                let _ = consumer.recv().await;
            }
        });
        Ok(Self {
            attending: attending.abort_handle(),
        })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.attending.abort();
    }
}
