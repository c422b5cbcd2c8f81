//! Reads a topic from its first message to where it ended when asked.

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset};

use super::{CLIENT, PATIENCE, RedriveError};
use crate::client;

/// Messages of one partition: from the first, before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub partition: i32,
    pub first: i64,
    pub end: i64,
}

pub(super) struct Reader {
    consumer: StreamConsumer,
    topic: String,
    spans: Vec<Span>,
}

impl Reader {
    pub async fn open(brokers: &str, topic: String) -> Result<Self, RedriveError> {
        let consumer: StreamConsumer = client::config(brokers, CLIENT)
            // Needed by the client, though it joins no group and commits nothing.
            .set("group.id", format!("{CLIENT}-reader"))
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .create()?;
        let asked = tokio::task::spawn_blocking(move || {
            let spans = spans(&consumer, &topic)?;
            Ok(Self {
                consumer,
                topic,
                spans,
            })
        });
        asked
            .await
            .map_err(|panic| RedriveError::Unreadable(panic.to_string()))?
    }

    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Begins to read; what was being read before is no longer.
    pub fn read(&self, span: Span) -> Result<Reading<'_>, RedriveError> {
        let mut assigned = TopicPartitionList::new();
        let first = Offset::Offset(span.first);
        assigned.add_partition_offset(&self.topic, span.partition, first)?;
        self.consumer.assign(&assigned)?;
        Ok(Reading { reader: self, span })
    }
}

/// Reading goes on.
pub(super) struct Reading<'a> {
    reader: &'a Reader,
    span: Span,
}

impl Reading<'_> {
    /// The next message before the end.
    pub async fn next(&mut self) -> Result<Option<BorrowedMessage<'_>>, RedriveError> {
        let Reader {
            consumer, topic, ..
        } = self.reader;
        if self.span.first >= self.span.end {
            return Ok(None);
        }
        loop {
            let received = tokio::time::timeout(PATIENCE, consumer.recv()).await;
            let Ok(received) = received else {
                return Err(RedriveError::Unreadable(topic.clone()));
            };
            match received {
                Ok(message) if message.partition() == self.span.partition => {
                    self.span.first = message.offset() + 1;
                    let is_before_end = message.offset() < self.span.end;
                    return Ok(is_before_end.then_some(message));
                }
                Err(KafkaError::PartitionEOF(partition)) if partition == self.span.partition => {
                    return Ok(None);
                }
                // Of the partition before; or an error that the client repairs.
                Ok(_) | Err(_) => {}
            }
        }
    }
}

fn spans(consumer: &StreamConsumer, topic: &str) -> Result<Vec<Span>, RedriveError> {
    // All topics: asking for one by name may create it.
    let metadata = consumer.fetch_metadata(None, PATIENCE)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let found = found.ok_or_else(|| RedriveError::NoTopic(topic.to_owned()))?;
    let mut spans = Vec::new();
    for partition in found.partitions() {
        let (first, end) = consumer.fetch_watermarks(topic, partition.id(), PATIENCE)?;
        spans.push(Span {
            partition: partition.id(),
            first,
            end,
        });
    }
    spans.sort_by_key(|span| span.partition);
    Ok(spans)
}
