//! Whether the brokers answer, and what they know about a topic. One client,
//! on a thread of its own, since librdkafka's metadata request blocks.

mod client;
mod worker;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rdkafka::metadata::{Metadata, MetadataTopic};
use serde::Serialize;

use worker::Worker;

/// A question takes no longer than [`client::TIMEOUT`] by the wall clock. If that is
/// set back meanwhile, librdkafka goes on waiting until it is there again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the brokers for metadata. Cheap to clone.
#[derive(Clone)]
pub struct KafkaProbe {
    worker: Arc<Mutex<Worker>>,
    start: Arc<dyn Fn() -> Worker + Send + Sync>,
    /// A worker that is at one question for longer is given up.
    patience: Duration,
    prefix: Arc<str>,
}

enum Question {
    /// Does any broker answer?
    Reached,
    /// Who are they?
    Brokers,
    /// What is this topic?
    Topic(String),
}

/// What the brokers said.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cluster {
    /// The brokers known.
    pub brokers: Vec<Broker>,
    /// The topics asked about.
    pub topics: Vec<Topic>,
}

/// One broker.
#[derive(Clone, Debug, Serialize)]
pub struct Broker {
    /// Its node id.
    pub id: i32,
    /// Host and port as it advertises them.
    pub address: String,
}

/// One topic.
#[derive(Clone, Debug, Serialize)]
pub struct Topic {
    /// Its full name.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<Partition>,
}

/// One partition.
#[derive(Clone, Debug, Serialize)]
pub struct Partition {
    /// Its number.
    pub id: i32,
    /// The node that leads it; -1 if none does.
    pub leader: i32,
    /// The nodes that hold it.
    pub replicas: Vec<i32>,
    /// Those of them that are in sync.
    pub in_sync_replicas: Vec<i32>,
}

impl KafkaProbe {
    pub(crate) fn start(brokers: &str, prefix: &str) -> Self {
        let brokers = brokers.to_owned();
        Self::with(prefix, PATIENCE, move || {
            let (brokers, mut client) = (brokers.clone(), None);
            Worker::start(move |question| client::ask(&mut client, &brokers, question))
        })
    }

    fn with(
        prefix: &str,
        patience: Duration,
        start: impl Fn() -> Worker + Send + Sync + 'static,
    ) -> Self {
        Self {
            worker: Arc::new(Mutex::new(start())),
            start: Arc::new(start),
            patience,
            prefix: prefix.into(),
        }
    }

    /// Whether any broker answers.
    pub async fn reached(&self) -> Result<(), String> {
        self.request(Question::Reached).await.map(drop)
    }

    /// The brokers, if any answers.
    pub async fn brokers(&self) -> Result<Cluster, String> {
        self.request(Question::Brokers).await
    }

    /// A topic by its name, with or without the configured prefix. Nothing if
    /// there is no such topic.
    pub async fn topic(&self, name: &str) -> Result<Option<Topic>, String> {
        let full = if name.starts_with(&*self.prefix) {
            name.to_owned()
        } else {
            format!("{}{name}", self.prefix)
        };
        let cluster = self.request(Question::Topic(full.clone())).await?;
        Ok(cluster.topics.into_iter().find(|topic| topic.name == full))
    }

    async fn request(&self, question: Question) -> Result<Cluster, String> {
        let answer = {
            let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
            if worker.is_stuck(self.patience) {
                tracing::warn!("kafka_probe_replaced");
                *worker = (self.start)();
            }
            worker.ask(question)
        };
        answer
            .await
            .unwrap_or_else(|_| Err("the probe is not running".to_owned()))
    }
}

impl Cluster {
    fn new(metadata: &Metadata, question: &Question) -> Self {
        let brokers = metadata.brokers().iter().map(|broker| Broker {
            id: broker.id(),
            address: format!("{}:{}", broker.host(), broker.port()),
        });
        let asked = metadata
            .topics()
            .iter()
            .filter(|found| matches!(question, Question::Topic(name) if name == found.name()));
        Self {
            brokers: brokers.collect(),
            topics: asked.map(Topic::new).collect(),
        }
    }
}

impl Topic {
    fn new(topic: &MetadataTopic) -> Self {
        let partitions = topic.partitions().iter().map(|partition| Partition {
            id: partition.id(),
            leader: partition.leader(),
            replicas: partition.replicas().to_vec(),
            in_sync_replicas: partition.isr().to_vec(),
        });
        Self {
            name: topic.name().to_owned(),
            partitions: partitions.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Nothing else makes librdkafka wait for longer than it was told to than a
    /// clock that is set back.
    #[tokio::test]
    async fn a_worker_that_does_not_come_back_is_replaced() {
        let patience = Duration::from_millis(50);
        let (release, held) = mpsc::channel::<()>();
        let held = Mutex::new(Some(held));
        let probe = KafkaProbe::with("", patience, move || {
            let held = held.lock().unwrap_or_else(PoisonError::into_inner).take();
            Worker::start(move |_| {
                // Only the first has something to wait for.
                let _ = held.as_ref().map(mpsc::Receiver::recv);
                Ok(Cluster::default())
            })
        });
        let first = tokio::time::timeout(patience, probe.reached()).await;
        assert!(first.is_err(), "it is held");
        while tokio::time::timeout(patience, probe.reached())
            .await
            .is_err()
        {}
        drop(release);
    }

    #[tokio::test]
    async fn an_absent_broker_is_an_error_and_not_a_wait() {
        let probe = KafkaProbe::start("127.0.0.1:1", "");
        for _ in 0..2 {
            assert!(probe.reached().await.is_err());
        }
        assert!(probe.brokers().await.is_err());
    }

    #[tokio::test]
    async fn sees_brokers_topics_and_replicas() {
        let cluster = rdkafka::mocking::MockCluster::new(1).unwrap();
        cluster.create_topic("test.todo.tasks.v1", 2, 1).unwrap();
        let probe = KafkaProbe::start(&cluster.bootstrap_servers(), "test.");
        for _ in 0..2 {
            probe.reached().await.unwrap();
        }
        assert_eq!(probe.brokers().await.unwrap().brokers.len(), 1);
        for name in ["todo.tasks.v1", "test.todo.tasks.v1"] {
            let topic = probe.topic(name).await.unwrap().unwrap();
            assert_eq!(topic.partitions.len(), 2);
            assert_eq!(topic.partitions[0].in_sync_replicas, [1]);
        }
        // Asking does not make it: not for the next who asks either.
        for _ in 0..2 {
            assert!(probe.topic("nothing.v1").await.unwrap().is_none());
        }
    }
}
