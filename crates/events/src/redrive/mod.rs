//! Dead letters go back to their topic.
//!
//! Kafka deletes no single record, only all before an offset. So letters are dealt
//! with from the oldest on, in batches: those that are wanted go back to the
//! topic, those in between are written again at the end of the dead letters, and
//! when the broker has acknowledged both, everything up to there is deleted. What
//! lies behind the last that is wanted is not touched. A crash in between leaves
//! some letters twice, and loses none: a letter that goes back twice has the same
//! event id both times, and the inbox knows it.

mod filter;
mod letter;
mod lock;
mod reader;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};

pub use filter::{Condition, Filter, NoCondition};

use crate::client::{self, DEAD_LETTER_MAX_BYTES};
use crate::producer::{InFlight, ProduceError, Producer, Record};
use crate::topics::{self, Topic};
use letter::Letter;
use lock::Lock;
use reader::{Reader, Span};

/// How many letters are in flight at once.
const BATCH: usize = 500;
const PATIENCE: Duration = Duration::from_secs(15);
const CLIENT: &str = "glasshouse-redrive";

/// The dead letters of one topic.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    brokers: String,
    prefix: String,
    topic: Topic,
}

/// What lies there, by cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// By cause.
    pub causes: BTreeMap<String, Cause>,
    /// Letters that match the filter, but whose body stayed at their origin.
    pub without_body: usize,
    /// For each partition the matching letters' offsets, in order.
    matching: BTreeMap<i32, Vec<i64>>,
}

/// The letters of one cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// All of them.
    pub count: usize,
    /// Those that match the filter and can go back.
    pub matching: usize,
    /// When the first of them died.
    pub oldest: Option<DateTime<Utc>>,
}

impl Survey {
    /// All letters.
    pub fn count(&self) -> usize {
        self.causes.values().map(|cause| cause.count).sum()
    }

    /// Those that match and can go back.
    pub fn matching(&self) -> usize {
        self.causes.values().map(|cause| cause.matching).sum()
    }

    fn add(&mut self, message: &BorrowedMessage<'_>, filter: &Filter) {
        let letter = Letter::read(message);
        let wanted = letter.matches(filter);
        let cause = self.causes.entry(letter.cause.clone()).or_default();
        cause.count += 1;
        cause.oldest = match (cause.oldest, letter.died_at) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (known, new) => known.or(new),
        };
        if wanted && letter.is_whole {
            cause.matching += 1;
            let matching = self.matching.entry(message.partition()).or_default();
            matching.push(message.offset());
        } else if wanted {
            self.without_body += 1;
        }
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redriven {
    /// Letters that went back to the topic and are no longer here.
    pub sent: usize,
    /// Letters that the topic refused (too large): they stay.
    pub refused: usize,
}

/// Why letters could not be looked at or sent back. What had been sent when it
/// happened may lie here still, and be sent again.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// There is no such topic at the broker.
    #[error("there is no topic {0}")]
    NoTopic(String),
    /// The broker could not be asked.
    #[error("the brokers cannot be asked: {0}")]
    Client(#[from] KafkaError),
    /// Somebody else sends letters back just now.
    #[error("another redrive of {0} is at work")]
    Busy(String),
    /// The letters stopped coming.
    #[error("{0} cannot be read to its end")]
    Unreadable(String),
    /// A letter was not acknowledged.
    #[error(transparent)]
    Produce(#[from] ProduceError),
    /// They were sent, but not removed from here.
    #[error("letters that were sent cannot be deleted, and would be sent again: {0}")]
    NotDeleted(String),
}

impl DeadLetters {
    /// Those of `topic`; nothing is asked yet.
    pub fn of(topic: Topic, brokers: &str, prefix: &str) -> Self {
        Self {
            brokers: brokers.to_owned(),
            prefix: prefix.to_owned(),
            topic,
        }
    }

    /// Counts what lies there.
    pub async fn survey(&self, filter: &Filter) -> Result<Survey, RedriveError> {
        let reader = Reader::open(&self.brokers, self.full_name()).await?;
        let mut survey = Survey::default();
        for span in reader.spans().to_vec() {
            let mut reading = reader.read(span)?;
            while let Some(message) = reading.next().await? {
                survey.add(&message, filter);
            }
        }
        Ok(survey)
    }

    /// Sends back the letters that match, the oldest first, at most `limit`.
    /// Letters that die meanwhile are left.
    pub async fn redrive(
        &self,
        filter: &Filter,
        limit: Option<usize>,
    ) -> Result<Redriven, RedriveError> {
        let _lock = Lock::take(&self.brokers, &self.prefix, &self.full_name()).await?;
        let survey = self.survey(filter).await?;
        let reader = Reader::open(&self.brokers, self.full_name()).await?;
        let producer = Producer::with_largest_message(
            &self.brokers,
            CLIENT,
            &self.prefix,
            DEAD_LETTER_MAX_BYTES,
        )?;
        let mut done = Redriven::default();
        let mut left = limit.unwrap_or(usize::MAX);
        for span in reader.spans() {
            let matching = survey.matching.get(&span.partition);
            let wanted = matching.map_or(&[][..], |offsets| &offsets[..offsets.len().min(left)]);
            left -= wanted.len();
            let Some(last) = wanted.last() else { continue };
            let span = Span {
                end: last + 1,
                ..*span
            };
            let mut reading = reader.read(span)?;
            let mut batch = Batch::default();
            while let Some(message) = reading.next().await? {
                let wanted = wanted.binary_search(&message.offset()).is_ok();
                batch.add(self, &producer, &message, wanted).await?;
                if batch.size() >= BATCH {
                    self.settle(&mut batch, &producer, span.partition, &mut done)
                        .await?;
                }
            }
            self.settle(&mut batch, &producer, span.partition, &mut done)
                .await?;
        }
        Ok(done)
    }

    /// Waits for the broker to have all of a batch, and only then deletes it here.
    async fn settle(
        &self,
        batch: &mut Batch,
        producer: &Producer,
        partition: i32,
        done: &mut Redriven,
    ) -> Result<(), RedriveError> {
        let Batch {
            back,
            mut here,
            end,
            mut refused,
        } = std::mem::take(batch);
        let mut sent = 0;
        for (mut message, copy) in back {
            match message.delivered().await {
                Ok(_) => sent += 1,
                Err(ProduceError::Refused { .. }) => refused.push(copy),
                Err(error) => return Err(error.into()),
            }
        }
        done.refused += refused.len();
        for copy in &refused {
            here.push(copy.enqueue(self, producer).await?);
        }
        for mut message in here {
            message.delivered().await?;
        }
        if let Some(end) = end {
            self.delete_before(partition, end).await?;
        }
        done.sent += sent;
        Ok(())
    }

    async fn delete_before(&self, partition: i32, offset: i64) -> Result<(), RedriveError> {
        let admin: AdminClient<DefaultClientContext> =
            client::config(&self.brokers, CLIENT).create()?;
        let mut before = TopicPartitionList::new();
        before.add_partition_offset(&self.full_name(), partition, Offset::Offset(offset))?;
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let not = |error: KafkaError| RedriveError::NotDeleted(error.to_string());
        let deleted = admin.delete_records(&before, &options).await.map_err(not)?;
        for element in deleted.elements() {
            element.error().map_err(not)?;
        }
        Ok(())
    }

    fn full_name(&self) -> String {
        topics::full_name(&self.prefix, self.topic.dead_letters())
    }
}

/// Letters on their way.
#[derive(Default)]
struct Batch {
    back: Vec<(InFlight, Copy)>,
    here: Vec<InFlight>,
    refused: Vec<Copy>,
    /// The offset after the last of them.
    end: Option<i64>,
}

impl Batch {
    fn size(&self) -> usize {
        self.back.len() + self.here.len() + self.refused.len()
    }

    async fn add(
        &mut self,
        letters: &DeadLetters,
        producer: &Producer,
        message: &BorrowedMessage<'_>,
        wanted: bool,
    ) -> Result<(), RedriveError> {
        service::planted!("redrive_deletes_first" => {
            letters.delete_before(message.partition(), message.offset() + 1).await?
        });
        let letter = Letter::read(message);
        let copy = Copy::of(message, &letter);
        self.end = Some(message.offset() + 1);
        if !wanted {
            self.here.push(copy.enqueue(letters, producer).await?);
            return Ok(());
        }
        let record = Record {
            topic: letters.topic.name(),
            key: message.key(),
            body: message.payload(),
            headers: letter.headers_back(Utc::now()),
            timestamp: None,
        };
        // The letter's trace goes on; without a tracer here, this span is it.
        let span = telemetry::span("redrive").parent(letter.context()).start();
        match span.scope(producer.enqueue(record)).await {
            Ok(in_flight) => self.back.push((in_flight, copy)),
            Err(ProduceError::Refused { .. }) => self.refused.push(copy),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// A letter that is written again where it lay, as it was.
struct Copy {
    key: Option<Vec<u8>>,
    body: Option<Vec<u8>>,
    headers: rdkafka::message::OwnedHeaders,
    timestamp: Option<i64>,
    context: Option<telemetry::Context>,
}

impl Copy {
    fn of(message: &BorrowedMessage<'_>, letter: &Letter<'_>) -> Self {
        Self {
            key: message.key().map(<[u8]>::to_vec),
            body: message.payload().map(<[u8]>::to_vec),
            headers: letter.headers_here(),
            // So that it is not kept for longer than others.
            timestamp: message.timestamp().to_millis(),
            context: letter.context(),
        }
    }

    async fn enqueue(
        &self,
        letters: &DeadLetters,
        producer: &Producer,
    ) -> Result<InFlight, ProduceError> {
        let record = Record {
            topic: letters.topic.dead_letters(),
            key: self.key.as_deref(),
            body: self.body.as_deref(),
            headers: self.headers.clone(),
            timestamp: self.timestamp,
        };
        let span = telemetry::span("redrive")
            .parent(self.context.clone())
            .start();
        span.scope(producer.enqueue(record)).await
    }
}
