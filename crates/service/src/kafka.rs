//! Whether the brokers answer, and what they know about a topic. One client,
//! on a thread of its own, since librdkafka's metadata request blocks.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
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
/// Between two looks for a new client's first answer.
const LOOK: Duration = Duration::from_millis(2);

/// Asks the brokers for metadata. Cheap to clone.
#[derive(Clone)]
pub struct KafkaProbe {
    requests: mpsc::Sender<Request>,
    prefix: Arc<str>,
}

struct Request {
    question: Question,
    answer: oneshot::Sender<Result<Cluster, String>>,
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
        let (requests, inbox) = mpsc::channel::<Request>();
        let brokers = brokers.to_owned();
        let work = move || {
            let mut client = None;
            // Ends when the last probe is dropped.
            while let Ok(request) = inbox.recv() {
                let answer = ask(&mut client, &brokers, &request.question);
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
        let (answer, reply) = oneshot::channel();
        let gone = "the probe is not running";
        self.requests
            .send(Request { question, answer })
            .map_err(|_| gone)?;
        reply.await.map_err(|_| gone)?
    }
}

fn ask(
    client: &mut Option<BaseProducer<Quiet>>,
    brokers: &str,
    question: &Question,
) -> Result<Cluster, String> {
    let (client, is_new) = match client {
        Some(client) => (client, false),
        None => {
            let new = connect(brokers).map_err(|error| error.to_string())?;
            (client.insert(new), true)
        }
    };
    // Serves librdkafka's log and error queue, which would grow otherwise.
    client.poll(Duration::ZERO);
    if is_new && matches!(question, Question::Reached) {
        return first_answer(client);
    }
    // All topics, always: asking for one by name may create it.
    let metadata = client
        .client()
        .fetch_metadata(None, TIMEOUT)
        .map_err(|error| describe(&error))?;
    Ok(Cluster::new(&metadata, question))
}

/// Whether a new client is answered. It asks for the brokers by itself, and then
/// drops the connection it had to one of `bootstrap.servers` for one of its own to
/// each broker: what we ask is lost with the first, and repeated on the second,
/// which doubles the time until a service is ready.
fn first_answer(client: &BaseProducer<Quiet>) -> Result<Cluster, String> {
    let began = Instant::now();
    // Without a question it would not connect.
    let _ = client.client().fetch_metadata(None, LOOK);
    while began.elapsed() < TIMEOUT {
        if client.client().fetch_cluster_id(LOOK).is_some() {
            return Ok(Cluster::default());
        }
    }
    Err(describe(&KafkaError::MetadataFetch(
        RDKafkaErrorCode::AllBrokersDown,
    )))
}

fn connect(brokers: &str) -> Result<BaseProducer<Quiet>, KafkaError> {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("client.id", "glasshouse-probe")
        .set("allow.auto.create.topics", "false")
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "500")
        .set("socket.connection.setup.timeout.ms", "1000")
        .set("socket.nagle.disable", "true")
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
