//! Messages to Kafka, and the messages that show what came of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::failure::Failure;

/// How long a broker may take to say what a topic has.
const PATIENCE: Duration = Duration::from_secs(10);

/// A message, ready to go.
pub(crate) struct Outgoing {
    pub(crate) topic: String,
    pub(crate) key: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// Sends messages to one broker, for one worker. Clones are the same client.
#[derive(Clone)]
pub(crate) struct Producer(FutureProducer);

impl Producer {
    /// # Errors
    /// What the client says of its settings.
    pub(crate) fn new(brokers: &str, timeout: Duration) -> Result<Self, KafkaError> {
        let producer = client(brokers)
            .set("acks", "all")
            .set("linger.ms", "0")
            .set("message.timeout.ms", timeout.as_millis().to_string())
            .create()?;
        Ok(Self(producer))
    }

    /// Sends it and waits until the broker has it.
    pub(crate) async fn send(&self, message: &Outgoing) -> Result<(), Failure> {
        let mut headers = OwnedHeaders::new_with_capacity(message.headers.len());
        for (key, value) in &message.headers {
            headers = headers.insert(Header {
                key,
                value: Some(value),
            });
        }
        let mut record = FutureRecord::<str, str>::to(&message.topic)
            .payload(&message.body)
            .headers(headers);
        if let Some(key) = &message.key {
            record = record.key(key);
        }
        // A full queue of the client is the broker's slowness: no waiting in it twice.
        match self.0.send(record, Duration::ZERO).await {
            Ok(_) => Ok(()),
            Err((KafkaError::MessageProduction(code), _)) => Err(match code {
                rdkafka::types::RDKafkaErrorCode::MessageTimedOut => Failure::Timeout,
                _ => Failure::Rejected,
            }),
            Err(_) => Err(Failure::Rejected),
        }
    }
}

fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("client.id", "loadtest")
        .set("socket.nagle.disable", "true")
        // An idle connection that the broker closes is no news.
        .set("log.connection.close", "false")
        .set_log_level(RDKafkaLogLevel::Critical);
    config
}

type Waiting = Rc<RefCell<HashMap<String, oneshot::Sender<Instant>>>>;

/// Watches a topic from its end for values at a pointer.
pub(crate) struct Effects {
    waiting: Waiting,
    _reading: AbortOnDropHandle<()>,
}

/// An effect that is waited for; dropping it stops that.
pub(crate) struct Expected {
    value: String,
    seen: oneshot::Receiver<Instant>,
    waiting: Waiting,
}

impl Effects {
    /// Begins to watch. Blocks this thread while it asks the broker: before a run.
    ///
    /// # Errors
    /// What the broker says, or that it has no such topic.
    pub(crate) fn watch(brokers: &str, topic: &str, pointer: String) -> Result<Self, String> {
        let consumer: StreamConsumer = client(brokers)
            .set("group.id", "loadtest-never-commits")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "10")
            .create()
            .map_err(|error| error.to_string())?;
        let said = |error: KafkaError| error.to_string();
        let deadline = Instant::now() + PATIENCE;
        let from = loop {
            match ends(&consumer, topic) {
                Ok(from) => {
                    break from.ok_or_else(|| format!("the broker has no topic {topic}"))?;
                }
                Err(error) if is_electing(&error) && Instant::now() < deadline => pause(),
                Err(error) => return Err(said(error)),
            }
        };
        consumer.assign(&from).map_err(said)?;
        let waiting = Waiting::default();
        let reading = tokio::task::spawn_local(read(consumer, pointer, Rc::clone(&waiting)));
        Ok(Self {
            waiting,
            _reading: AbortOnDropHandle::new(reading),
        })
    }

    /// Waits for this value from now on. It must be asked for before its cause is
    /// sent.
    pub(crate) fn expect(&self, value: String) -> Expected {
        let (send, seen) = oneshot::channel();
        self.waiting.borrow_mut().insert(value.clone(), send);
        Expected {
            value,
            seen,
            waiting: Rc::clone(&self.waiting),
        }
    }
}

/// Where each partition ends now; one resolved later would miss what comes first.
/// None if there is no such topic.
fn ends(consumer: &StreamConsumer, topic: &str) -> Result<Option<TopicPartitionList>, KafkaError> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let Some(found) = found.filter(|found| !found.partitions().is_empty()) else {
        return Ok(None);
    };
    let mut ends = TopicPartitionList::new();
    for partition in found.partitions() {
        let (_, end) = consumer.fetch_watermarks(topic, partition.id(), PATIENCE)?;
        ends.add_partition_offset(topic, partition.id(), Offset::Offset(end))?;
    }
    Ok(Some(ends))
}

/// A topic that was just made has no leader for a moment.
fn is_electing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{LeaderNotAvailable, NotLeaderForPartition};
    let code = error.rdkafka_error_code();
    matches!(code, Some(LeaderNotAvailable | NotLeaderForPartition))
}

#[expect(
    clippy::disallowed_methods,
    reason = "before a run, nobody waits behind this thread"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

impl Expected {
    /// When it was seen.
    pub(crate) async fn seen(&mut self, within: Duration) -> Result<Instant, Failure> {
        match tokio::time::timeout(within, &mut self.seen).await {
            Ok(Ok(at)) => Ok(at),
            _ => Err(Failure::Missing),
        }
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.waiting.borrow_mut().remove(&self.value);
    }
}

async fn read(consumer: StreamConsumer, pointer: String, waiting: Waiting) {
    let mut messages = consumer.stream();
    // Its errors are told by what then has no effect.
    while let Some(message) = messages.next().await {
        let at = Instant::now();
        let Ok(message) = message else { continue };
        let Some(body) = message.payload() else {
            continue;
        };
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let value = match body.pointer(&pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => continue,
        };
        if let Some(expected) = waiting.borrow_mut().remove(&value) {
            // Whoever asked may have given up.
            let _ = expected.send(at);
        }
    }
}

/// The producers and watched topics of one worker.
#[derive(Default)]
pub(crate) struct Kafka {
    pub(crate) producers: BTreeMap<String, Producer>,
    /// By target, topic and pointer.
    pub(crate) effects: BTreeMap<(String, String, String), Effects>,
}
