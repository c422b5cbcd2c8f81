//! The producer: idempotent, acknowledged by all in-sync replicas, bounded.
//!
//! It never gives up on a message by itself (`message.timeout.ms` is 0): if it
//! did, a later message of the same key could arrive where an earlier one had
//! timed out. While the broker is away messages wait in a bounded queue; whoever
//! wants to add to a full one waits too, so nothing is ever dropped for want of
//! room.

mod client;
mod delivery;
mod error;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _};
use telemetry::messaging::MessageSpans;
use tokio::sync::oneshot;

use client::{Client, Settings};
pub use delivery::{Delivered, InFlight};
pub use error::ProduceError;

use crate::client::MESSAGE_MAX_BYTES;
use crate::metrics::ProducerSeries;
use crate::topics;

/// How often the client tells the length of its queue, and that it is alive.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// How long to wait before looking for room in a full queue again.
const FULL_QUEUE_PAUSE: Duration = Duration::from_millis(5);

/// A message to be sent.
#[derive(Debug)]
pub struct Record<'a> {
    /// Logical topic name.
    pub topic: &'a str,
    /// Decides the partition, and with it the order.
    pub key: Option<&'a [u8]>,
    /// None is a tombstone.
    pub body: Option<&'a [u8]>,
    /// All headers but `traceparent`, which is that of the span made here.
    pub headers: OwnedHeaders,
    /// In milliseconds; now, if none is given.
    pub timestamp: Option<i64>,
}

/// A handle on one client; clones share it.
#[derive(Clone)]
pub struct Producer {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    prefix: String,
    client: RwLock<Arc<Client>>,
    destinations: Mutex<HashMap<String, Arc<Destination>>>,
}

/// A topic that is written to.
struct Destination {
    /// Its logical name, and that at the broker.
    topic: String,
    full_name: String,
    series: ProducerSeries,
    spans: MessageSpans,
}

impl Producer {
    /// Makes a client. `producer_id` names it in metrics and at the broker;
    /// `prefix` (`TOPIC_PREFIX`) goes in front of every topic name. No broker
    /// need be there yet.
    ///
    /// # Panics
    /// Outside of a Tokio runtime: a task of its own watches the client.
    pub fn connect(brokers: &str, producer_id: &str, prefix: &str) -> Result<Self, ProduceError> {
        Self::with_largest_message(brokers, producer_id, prefix, MESSAGE_MAX_BYTES)
    }

    /// As [`Producer::connect`], for messages of up to `largest_message` bytes.
    pub(crate) fn with_largest_message(
        brokers: &str,
        producer_id: &str,
        prefix: &str,
        largest_message: usize,
    ) -> Result<Self, ProduceError> {
        let settings = Settings {
            brokers: brokers.to_owned(),
            producer_id: producer_id.to_owned(),
            largest_message,
            report_every: REPORT_EVERY,
        };
        Ok(Self::with_settings(settings, prefix, watch::LOOK_EVERY)?)
    }

    fn with_settings(
        settings: Settings,
        prefix: &str,
        look_every: Duration,
    ) -> Result<Self, KafkaError> {
        let inner = Arc::new(Inner {
            client: RwLock::new(Arc::new(client::create(&settings)?)),
            settings,
            prefix: prefix.to_owned(),
            destinations: Mutex::default(),
        });
        tokio::spawn(watch::watch(Arc::downgrade(&inner), look_every));
        Ok(Self { inner })
    }

    /// Starts the metrics of these topics at zero.
    pub fn register<'a>(&self, topics: impl IntoIterator<Item = &'a str>) {
        for topic in topics {
            self.destination(topic);
        }
    }

    /// Hands a message to the client, waiting while its queue is full, within a
    /// span `<topic> publish` below the current one. The message is not sent
    /// until [`InFlight::delivered`] says so.
    pub async fn enqueue(&self, record: Record<'_>) -> Result<InFlight, ProduceError> {
        let Record {
            topic,
            key,
            body,
            headers,
            timestamp,
        } = record;
        let started = Instant::now();
        let destination = self.destination(topic);
        let span = destination.spans.span().at(started).start();
        let traceparent = span.context().traceparent();
        let bytes = body.map_or(0, <[u8]>::len);

        let (answer, answered) = oneshot::channel();
        let to = destination.clone();
        let mut message = BaseRecord::with_opaque_to(&to.full_name, Box::new(answer)).headers(
            headers.insert(Header {
                key: "traceparent",
                value: Some(&traceparent),
            }),
        );
        message.key = key;
        message.payload = body;
        message.timestamp = timestamp;
        let mut in_flight = InFlight::new(self.clone(), span, destination, started, bytes);
        loop {
            match self.client().send(message) {
                Ok(()) => {
                    in_flight.wait_for(answered);
                    return Ok(in_flight);
                }
                Err((error, refused)) if is_full(&error) => {
                    service::planted!("drop_on_full_queue" => {
                        let result = Ok(Delivered { partition: 0, offset: 0 });
                        let _ = refused.delivery_opaque.send(client::Answer { at: started, result });
                        in_flight.wait_for(answered);
                        return Ok(in_flight);
                    });
                    message = refused;
                    tokio::time::sleep(FULL_QUEUE_PAUSE).await;
                }
                Err((error, _)) => {
                    self.replace_if_fatal(&error);
                    return Err(in_flight.refused(&error));
                }
            }
        }
    }

    /// [`Producer::enqueue`] and the broker's answer.
    pub async fn send(&self, record: Record<'_>) -> Result<Delivered, ProduceError> {
        self.enqueue(record).await?.delivered().await
    }

    /// Waits until everything handed over was answered, at most for `timeout`.
    pub async fn flush(&self, timeout: Duration) -> Result<(), ProduceError> {
        let client = self.client();
        tokio::task::spawn_blocking(move || client.flush(timeout))
            .await
            .map_err(|_| ProduceError::Stopped)?
            .map_err(ProduceError::from)
    }

    fn client(&self) -> Arc<Client> {
        self.inner.client()
    }

    fn destination(&self, topic: &str) -> Arc<Destination> {
        let mut destinations = self
            .inner
            .destinations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = destinations.get(topic) {
            return known.clone();
        }
        let new = Arc::new(Destination {
            topic: topic.to_owned(),
            full_name: topics::full_name(&self.inner.prefix, topic),
            series: ProducerSeries::new(topic, &self.inner.settings.producer_id),
            spans: MessageSpans::producer(topic),
        });
        destinations.insert(topic.to_owned(), new.clone());
        new
    }

    /// A fatal error ends an idempotent client for good (the broker has lost
    /// what it knew of its sequence): the next message goes through a new one.
    fn replace_if_fatal(&self, error: &KafkaError) {
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::Fatal) {
            return;
        }
        self.inner
            .replace_if(error, |client| client.client().fatal_error().is_some());
    }
}

impl Inner {
    fn client(&self) -> Arc<Client> {
        self.client
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Puts a new client in the place of one that is `of_no_use`, and returns the
    /// old one. Whoever comes later finds the new one, of which that is not true.
    fn replace_if(
        &self,
        cause: &dyn std::fmt::Display,
        of_no_use: impl FnOnce(&Client) -> bool,
    ) -> Option<Arc<Client>> {
        let mut client = self.client.write().unwrap_or_else(PoisonError::into_inner);
        if !of_no_use(&client) {
            return None;
        }
        match client::create(&self.settings) {
            Ok(new) => {
                tracing::warn!(error = %cause, "producer_replaced");
                Some(std::mem::replace(&mut *client, Arc::new(new)))
            }
            Err(failure) => {
                tracing::error!(error = %failure, "producer_replacement_failed");
                None
            }
        }
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer")
            .field("producer_id", &self.inner.settings.producer_id)
            .finish_non_exhaustive()
    }
}

fn is_full(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull)
}
