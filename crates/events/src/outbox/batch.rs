//! Rows on their way to the broker: all are handed over first, then all
//! answers are awaited.

use telemetry::{Context, Span};

use super::store::Row;
use crate::cloudevents;
use crate::producer::{Delivered, InFlight, ProduceError, Producer, Record};

/// What became of a row.
#[derive(Debug)]
pub(super) struct Settled<'a> {
    pub seq: i64,
    pub topic: &'a str,
    pub result: Result<(), ProduceError>,
}

/// A round of the relay.
pub(super) struct Batch<'a> {
    producer: &'a Producer,
    waiting: std::vec::IntoIter<Row<'a>>,
    in_flight: Vec<Sending<'a>>,
    settled: Vec<Settled<'a>>,
}

struct Sending<'a> {
    seq: i64,
    topic: &'a str,
    message: InFlight,
    /// Ends when the answer is there. Nobody asks for one that is not recorded.
    _span: Option<Box<Span>>,
}

impl<'a> Sending<'a> {
    fn settled(self, answer: Result<Delivered, ProduceError>) -> Settled<'a> {
        Settled {
            seq: self.seq,
            topic: self.topic,
            result: answer.map(drop),
        }
    }
}

impl<'a> Batch<'a> {
    pub fn new(producer: &'a Producer, rows: Vec<Row<'a>>) -> Self {
        Self {
            producer,
            in_flight: Vec::with_capacity(rows.len()),
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
            let (seq, topic) = (row.seq, row.topic);
            match send(self.producer, row).await {
                Ok((message, span)) => self.in_flight.push(Sending {
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
        // The last first: when its answer is there, nearly all are, and who waits is
        // woken once for many.
        while let Some(sending) = self.in_flight.last_mut() {
            let answer = match sending.message.delivered_already() {
                Some(answer) => answer,
                None => sending.message.delivered().await,
            };
            let sending = self.in_flight.pop();
            self.settled
                .extend(sending.map(|sending| sending.settled(answer)));
        }
    }

    /// Forgets the rows that were not handed over: they stay in the table.
    pub fn hand_over_no_more(&mut self) {
        self.waiting = Vec::new().into_iter();
    }

    /// The rows that have an answer.
    pub fn into_settled(mut self) -> Vec<Settled<'a>> {
        for mut sending in self.in_flight {
            if let Some(answer) = sending.message.delivered_already() {
                self.settled.push(sending.settled(answer));
            }
        }
        self.settled
    }
}

async fn send(
    producer: &Producer,
    row: &Row<'_>,
) -> Result<(InFlight, Option<Box<Span>>), ProduceError> {
    let cause = row.traceparent.and_then(Context::parse);
    let span = telemetry::span("outbox.publish").parent(cause).start();
    let record = Record {
        topic: row.topic,
        key: Some(row.key.as_bytes()),
        body: Some(row.body),
        headers: cloudevents::write(row.id, row.event_type, row.source, row.occurred_at),
        timestamp: None,
    };
    let message = span.scope(producer.enqueue(record)).await?;
    let recorded = span.is_recorded().then(|| Box::new(span));
    Ok((message, recorded))
}
