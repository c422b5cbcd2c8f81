//! What lies on a topic, and putting something there that no service would.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use crate::PATIENCE;

const POLL: Duration = Duration::from_millis(100);

/// A client of the test's own.
#[derive(Clone)]
pub struct Kafka {
    brokers: String,
    producer: FutureProducer,
}

/// A message, sent or read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Keeps order.
    pub key: Option<String>,
    /// Of several with one name, the last.
    pub headers: BTreeMap<String, Vec<u8>>,
    /// None is a tombstone.
    pub body: Option<Vec<u8>>,
    /// Where it was read.
    pub partition: i32,
    /// Where it was read.
    pub offset: i64,
}

impl Record {
    /// An event as a service would send it, with an id of its own.
    ///
    /// # Panics
    /// When the body cannot be written as JSON.
    pub fn event(key: &str, event_type: &str, source: &str, body: &serde_json::Value) -> Self {
        let headers = [
            ("ce_specversion", "1.0".to_owned()),
            ("ce_id", uuid::Uuid::now_v7().to_string()),
            ("ce_type", event_type.to_owned()),
            ("ce_source", source.to_owned()),
            ("ce_time", chrono::Utc::now().to_rfc3339()),
            ("content-type", "application/json".to_owned()),
        ];
        Self {
            key: Some(key.to_owned()),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.into_bytes()))
                .into(),
            body: Some(serde_json::to_vec(body).expect("JSON")),
            ..Self::default()
        }
    }

    /// A header as text; empty if it is not there.
    pub fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).map(Vec::as_slice);
        String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.body.as_deref().unwrap_or_default()).expect("JSON")
    }
}

impl Kafka {
    /// A client of these brokers, which sends whatever it is given.
    ///
    /// # Panics
    /// When there can be none.
    pub fn new(brokers: &str) -> Self {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("message.max.bytes", "4194304")
            .set("linger.ms", "0")
            .create();
        Self {
            brokers: brokers.to_owned(),
            producer: producer.expect("a producer"),
        }
    }

    /// Sends a message: its partition and offset.
    ///
    /// # Panics
    /// When the broker refuses it.
    pub async fn send(&self, topic: &str, record: &Record) -> (i32, i64) {
        self.try_send(topic, record).await.expect("a delivery")
    }

    /// Sends a message: its partition and offset, once the broker has it.
    ///
    /// # Errors
    /// When the broker refuses it, or is away for minutes: then it may have it.
    pub async fn try_send(&self, topic: &str, record: &Record) -> Result<(i32, i64), KafkaError> {
        let mut headers = OwnedHeaders::new();
        for (key, value) in &record.headers {
            headers = headers.insert(Header {
                key,
                value: Some(value),
            });
        }
        let mut message: FutureRecord<'_, str, [u8]> = FutureRecord::to(topic).headers(headers);
        if let Some(key) = &record.key {
            message = message.key(key);
        }
        if let Some(body) = &record.body {
            message = message.payload(body);
        }
        let sent = self.producer.send(message, PATIENCE).await;
        let delivery = sent.map_err(|(error, _)| error)?;
        Ok((delivery.partition, delivery.offset))
    }

    /// All that lies on a topic now, partition by partition, each in order.
    ///
    /// # Panics
    /// When the topic cannot be read.
    pub async fn read(&self, topic: &str) -> Vec<Record> {
        let (brokers, topic) = (self.brokers.clone(), topic.to_owned());
        tokio::task::spawn_blocking(move || read(&brokers, &topic))
            .await
            .expect("the thread that reads")
    }

    /// What a group has committed of a topic, by partition.
    ///
    /// # Panics
    /// When the broker does not say.
    pub async fn committed(&self, group: &str, topic: &str) -> BTreeMap<i32, i64> {
        let (brokers, group) = (self.brokers.clone(), group.to_owned());
        let topic = topic.to_owned();
        tokio::task::spawn_blocking(move || committed(&brokers, &group, &topic))
            .await
            .expect("the thread that asks")
    }
}

fn client(brokers: &str, group: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer")
}

fn committed(brokers: &str, group: &str, topic: &str) -> BTreeMap<i32, i64> {
    let consumer = client(brokers, group);
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE);
    let metadata = metadata.expect("metadata");
    let mut asked = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        asked.add_partition(topic, partition.id());
    }
    // A group that has just been made may have no coordinator yet.
    let deadline = std::time::Instant::now() + PATIENCE;
    let answer = loop {
        match consumer.committed_offsets(asked.clone(), PATIENCE) {
            Ok(answer) => break answer,
            Err(error) if std::time::Instant::now() > deadline => {
                panic!("committed offsets: {error}")
            }
            Err(_) => drop(consumer.poll(POLL)),
        }
    };
    let elements = answer.elements();
    let known = elements.iter().filter_map(|element| {
        let Offset::Offset(offset) = element.offset() else {
            return None;
        };
        Some((element.partition(), offset))
    });
    known.collect()
}

fn read(brokers: &str, topic: &str) -> Vec<Record> {
    let consumer = client(brokers, "testkit");
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE);
    let metadata = metadata.expect("metadata");
    let mut assigned = TopicPartitionList::new();
    let mut expected = 0;
    for partition in metadata.topics()[0].partitions() {
        let marks = consumer.fetch_watermarks(topic, partition.id(), PATIENCE);
        let (low, high) = marks.expect("watermarks");
        expected += usize::try_from(high - low).expect("no negative count");
        assigned
            .add_partition_offset(topic, partition.id(), Offset::Beginning)
            .expect("an assignment");
    }
    consumer.assign(&assigned).expect("the assignment");
    let mut records = Vec::with_capacity(expected);
    let deadline = std::time::Instant::now() + PATIENCE;
    while records.len() < expected {
        assert!(
            std::time::Instant::now() < deadline,
            "{} of {expected} messages of {topic}",
            records.len()
        );
        let Some(Ok(message)) = consumer.poll(POLL) else {
            continue;
        };
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        records.push(Record {
            key: message.key().map(|key| String::from_utf8_lossy(key).into()),
            headers: headers
                .map(|header| {
                    (
                        header.key.to_owned(),
                        header.value.unwrap_or_default().to_vec(),
                    )
                })
                .collect(),
            body: message.payload().map(<[u8]>::to_vec),
            partition: message.partition(),
            offset: message.offset(),
        });
    }
    records.sort_by_key(|record| (record.partition, record.offset));
    records
}
