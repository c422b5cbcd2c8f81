//! A message between the client's queue and the broker's answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use telemetry::Span;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::client::Answer;
use super::{Destination, ProduceError, Producer};

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
    destination: Arc<Destination>,
    started: Instant,
    bytes: usize,
}

impl InFlight {
    pub(super) fn new(
        producer: Producer,
        span: Span,
        destination: Arc<Destination>,
        started: Instant,
        bytes: usize,
    ) -> Self {
        Self {
            producer,
            answer: None,
            span,
            destination,
            started,
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
        self.conclude(answer.ok())
    }

    /// As [`InFlight::delivered`], if the answer is there already.
    pub(crate) fn delivered_already(&mut self) -> Option<Result<Delivered, ProduceError>> {
        match self.answer.as_mut()?.try_recv() {
            Ok(answer) => Some(self.conclude(Some(answer))),
            Err(TryRecvError::Closed) => Some(self.conclude(None)),
            Err(TryRecvError::Empty) => None,
        }
    }

    fn conclude(&mut self, answer: Option<Answer>) -> Result<Delivered, ProduceError> {
        self.answer = None;
        let Answer { at, result } = answer.ok_or(ProduceError::Stopped)?;
        self.span.ended(at);
        match result {
            Ok(delivered) => {
                self.confirmed(delivered, at.duration_since(self.started));
                Ok(delivered)
            }
            Err(error) => {
                self.producer.replace_if_fatal(&error);
                Err(self.refused(&error))
            }
        }
    }

    fn confirmed(&mut self, delivered: Delivered, elapsed: Duration) {
        let Destination { topic, series, .. } = &*self.destination;
        series.success.increment(1);
        series.bytes.increment(self.bytes as u64);
        series.latency.record(elapsed);
        if self.span.is_recorded() {
            self.span.set(
                "messaging.destination.partition.id",
                delivered.partition.to_string(),
            );
            self.span.set("messaging.kafka.offset", delivered.offset);
        }
        self.span.within(|| {
            tracing::info!(
                topic,
                partition = delivered.partition,
                offset = delivered.offset,
                status = "success",
                duration_ms = elapsed.as_millis() as u64,
                message_size_bytes = self.bytes,
                "producer_event"
            );
        });
    }

    pub(super) fn refused(&mut self, error: &KafkaError) -> ProduceError {
        let failure = ProduceError::from(error);
        let Destination { topic, series, .. } = &*self.destination;
        series.failure.increment(1);
        series.error(failure.kind());
        self.span.error(failure.kind());
        self.span.within(|| {
            tracing::warn!(
                topic,
                status = "failure",
                error_type = failure.kind(),
                duration_ms = self.started.elapsed().as_millis() as u64,
                message_size_bytes = self.bytes,
                "producer_event"
            );
        });
        failure
    }
}
