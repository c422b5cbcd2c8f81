//! Rows on their way to the broker: all are handed over first, then all
//! answers are awaited.

use std::collections::VecDeque;

use telemetry::{Context, Span};

use super::store::Row;
use crate::cloudevents;
use crate::producer::{InFlight, ProduceError, Producer, Record};

/// What became of a row.
#[derive(Debug)]
pub(super) struct Settled {
    pub seq: i64,
    pub topic: String,
    pub result: Result<(), ProduceError>,
}

/// A round of the relay.
pub(super) struct Batch<'a> {
    producer: &'a Producer,
    waiting: std::vec::IntoIter<Row>,
    in_flight: VecDeque<Sending>,
    settled: Vec<Settled>,
}

struct Sending {
    seq: i64,
    topic: String,
    message: InFlight,
    /// Ends when the answer is there.
    _span: Span,
}

impl<'a> Batch<'a> {
    pub fn new(producer: &'a Producer, rows: Vec<Row>) -> Self {
        Self {
            producer,
            in_flight: VecDeque::with_capacity(rows.len()),
            settled: Vec::with_capacity(rows.len()),
            waiting: service::planted!(
                "retry_reorders" => rows.into_iter().rev().collect::<Vec<_>>().into_iter(),
                else rows.into_iter()
            ),
        }
    }

    /// Sends and waits until every row is settled. May be dropped and called
    /// again: it goes on where it was.
    pub async fn run(&mut self) {
        while let Some(row) = self.waiting.as_slice().first() {
            let (seq, topic) = (row.seq, row.topic.clone());
            match send(self.producer, row).await {
                Ok((message, span)) => self.in_flight.push_back(Sending {
                    seq,
                    topic,
                    message,
                    _span: span,
                }),
                Err(error) => self.settled.push(Settled {
                    seq,
                    topic,
                    result: Err(error),
                }),
            }
            self.waiting.next();
        }
        service::planted!("sent_without_answer" => {
            let sent = self.in_flight.drain(..);
            self.settled.extend(sent.map(|Sending { seq, topic, .. }| Settled { seq, topic, result: Ok(()) }));
        });
        while let Some(sending) = self.in_flight.front_mut() {
            let result = sending.message.delivered().await.map(drop);
            if let Some(Sending { seq, topic, .. }) = self.in_flight.pop_front() {
                self.settled.push(Settled { seq, topic, result });
            }
        }
    }

    /// Forgets the rows that were not handed over: they stay in the table.
    pub fn hand_over_no_more(&mut self) {
        self.waiting = Vec::new().into_iter();
    }

    /// The rows that have an answer.
    pub fn into_settled(self) -> Vec<Settled> {
        self.settled
    }
}

async fn send(producer: &Producer, row: &Row) -> Result<(InFlight, Span), ProduceError> {
    let cause = row.traceparent.as_deref().and_then(Context::parse);
    let span = telemetry::span("outbox.publish").parent(cause).start();
    let record = Record {
        topic: &row.topic,
        key: Some(row.key.as_bytes()),
        body: Some(&row.body),
        headers: cloudevents::write(row.id, &row.event_type, &row.source, row.occurred_at),
        timestamp: None,
    };
    let message = span.scope(producer.enqueue(record)).await?;
    Ok((message, span))
}
