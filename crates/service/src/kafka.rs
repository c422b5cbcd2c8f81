//! Whether the brokers answer, and what they know about a topic. One client,
//! on a thread of its own, since librdkafka's metadata request blocks.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    metadata::{Metadata, MetadataTopic},
    producer::{BaseProducer, Producer, ProducerContext},
};
use serde::Serialize;
use tokio::sync::oneshot;

const TIMEOUT: Duration = Duration::from_millis(900);

/// Asks the brokers for metadata. Cheap to clone.
#[derive(Clone)]
pub struct KafkaProbe {
    requests: mpsc::Sender<Request>,
    prefix: Arc<str>,
}

struct Request {
    topic: Option<String>,
    answer: oneshot::Sender<Result<Cluster, String>>,
}

/// What the brokers said.
#[derive(Clone, Debug, Serialize)]
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
        let (requests, inbox) = mpsc::channel::<Request>();
        let brokers = brokers.to_owned();
        let work = move || {
            let mut client = None;
            // Ends when the last probe is dropped.
            while let Ok(request) = inbox.recv() {
                let answer = ask(&mut client, &brokers, request.topic.as_deref());
                // Whoever asked may have given up.
                let _ = request.answer.send(answer);
            }
        };
        if let Err(error) = thread::Builder::new()
            .name("kafka-probe".to_owned())
            .spawn(work)
        {
            // Every question is then answered with "the probe is not running".
            tracing::error!(error = %error, "kafka_probe_failed");
        }
        Self {
            requests,
            prefix: prefix.into(),
        }
    }

    /// The brokers, if any answers.
    pub async fn brokers(&self) -> Result<Cluster, String> {
        self.request(None).await
    }

    /// A topic by its name, with or without the configured prefix. Nothing if
    /// there is no such topic.
    pub async fn topic(&self, name: &str) -> Result<Option<Topic>, String> {
        let full = if name.starts_with(&*self.prefix) {
            name.to_owned()
        } else {
            format!("{}{name}", self.prefix)
        };
        let cluster = self.request(Some(full.clone())).await?;
        Ok(cluster.topics.into_iter().find(|topic| topic.name == full))
    }

    async fn request(&self, topic: Option<String>) -> Result<Cluster, String> {
        let (answer, reply) = oneshot::channel();
        let gone = "the probe is not running";
        self.requests
            .send(Request { topic, answer })
            .map_err(|_| gone)?;
        reply.await.map_err(|_| gone)?
    }
}

fn ask(
    client: &mut Option<BaseProducer<Quiet>>,
    brokers: &str,
    topic: Option<&str>,
) -> Result<Cluster, String> {
    let client = match client {
        Some(client) => client,
        None => client.insert(connect(brokers).map_err(|error| error.to_string())?),
    };
    // Serves librdkafka's log and error queue, which would grow otherwise.
    client.poll(Duration::ZERO);
    // All topics, always: asking for one by name may create it.
    let metadata = client
        .client()
        .fetch_metadata(None, TIMEOUT)
        .map_err(|error| describe(&error))?;
    Ok(Cluster::new(&metadata, topic))
}

fn connect(brokers: &str) -> Result<BaseProducer<Quiet>, KafkaError> {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("client.id", "glasshouse-probe")
        .set("allow.auto.create.topics", "false")
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "500")
        .set("socket.connection.setup.timeout.ms", "1000")
        .set("topic.metadata.refresh.interval.ms", "-1")
        .create_with_context(Quiet)
}

fn describe(error: &KafkaError) -> String {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::AllBrokersDown) => {
            "no broker answers".to_owned()
        }
        Some(code) => code.to_string(),
        None => error.to_string(),
    }
}

impl Cluster {
    fn new(metadata: &Metadata, topic: Option<&str>) -> Self {
        let brokers = metadata.brokers().iter().map(|broker| Broker {
            id: broker.id(),
            address: format!("{}:{}", broker.host(), broker.port()),
        });
        let asked = metadata
            .topics()
            .iter()
            .filter(|found| Some(found.name()) == topic);
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

/// Keeps librdkafka's complaints about absent brokers out of the log: the check
/// reports them once.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, detail = message, "kafka_probe");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(error = %error, detail = reason, "kafka_probe");
    }
}

impl ProducerContext for Quiet {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &rdkafka::message::DeliveryResult<'_>, (): ()) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_absent_broker_is_an_error_and_not_a_wait() {
        let probe = KafkaProbe::start("127.0.0.1:1", "");
        assert!(probe.brokers().await.is_err());
    }

    #[tokio::test]
    async fn sees_brokers_topics_and_replicas() {
        let cluster = rdkafka::mocking::MockCluster::new(1).unwrap();
        cluster.create_topic("test.todo.tasks.v1", 2, 1).unwrap();
        let probe = KafkaProbe::start(&cluster.bootstrap_servers(), "test.");
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
