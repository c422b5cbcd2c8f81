//! A message between the client's queue and the broker's answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use telemetry::Span;
use tokio::sync::oneshot;

use super::client::Answer;
use super::{ProduceError, Producer};
use crate::metrics::ProducerSeries;

/// Where the broker put a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The partition.
    pub partition: i32,
    /// The place in it.
    pub offset: i64,
}

/// A message that was handed to the client. Dropping it does not call the
/// message back; it only forgets to look at the answer.
#[must_use = "a message counts as sent only when its delivery was awaited"]
pub struct InFlight {
    producer: Producer,
    answer: Option<oneshot::Receiver<Answer>>,
    span: Span,
    series: Arc<ProducerSeries>,
    started: Instant,
    topic: String,
    bytes: usize,
}

impl InFlight {
    pub(super) fn new(
        producer: Producer,
        span: Span,
        series: Arc<ProducerSeries>,
        started: Instant,
        topic: &str,
        bytes: usize,
    ) -> Self {
        Self {
            producer,
            answer: None,
            span,
            series,
            started,
            topic: topic.to_owned(),
            bytes,
        }
    }

    pub(super) fn wait_for(&mut self, answer: oneshot::Receiver<Answer>) {
        self.answer = Some(answer);
    }

    /// Waits for the broker's answer, for as long as it takes. May be dropped
    /// and called again: an answer is not lost.
    pub async fn delivered(&mut self) -> Result<Delivered, ProduceError> {
        let Some(answer) = self.answer.as_mut() else {
            return Err(ProduceError::Stopped);
        };
        let answer = answer.await;
        self.answer = None;
        match answer {
            Ok(Answer {
                at,
                result: Ok(delivered),
            }) => {
                self.confirmed(delivered, at.duration_since(self.started))
                    .await;
                Ok(delivered)
            }
            Ok(Answer {
                result: Err(error), ..
            }) => {
                self.producer.replace_if_fatal(&error);
                Err(self.refused(&error).await)
            }
            Err(_dropped) => Err(ProduceError::Stopped),
        }
    }

    async fn confirmed(&mut self, delivered: Delivered, elapsed: Duration) {
        self.series.success.increment(1);
        self.series.bytes.increment(self.bytes as u64);
        self.series.latency.record(elapsed);
        self.span.set(
            "messaging.destination.partition.id",
            delivered.partition.to_string(),
        );
        self.span.set("messaging.kafka.offset", delivered.offset);
        let line = async {
            tracing::info!(
                topic = self.topic,
                partition = delivered.partition,
                offset = delivered.offset,
                status = "success",
                duration_ms = elapsed.as_millis() as u64,
                message_size_bytes = self.bytes,
                "producer_event"
            );
        };
        self.span.scope(line).await;
    }

    pub(super) async fn refused(&mut self, error: &KafkaError) -> ProduceError {
        let failure = ProduceError::from(error);
        self.series.failure.increment(1);
        self.series.error(failure.kind());
        self.span.error(failure.kind());
        let line = async {
            tracing::warn!(
                topic = self.topic,
                status = "failure",
                error_type = failure.kind(),
                duration_ms = self.started.elapsed().as_millis() as u64,
                message_size_bytes = self.bytes,
                "producer_event"
            );
        };
        self.span.scope(line).await;
        failure
    }
}
