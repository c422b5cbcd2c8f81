//! librdkafka's producer, as it is set up and as it calls back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use metrics::Gauge;
use rdkafka::ClientContext;
use rdkafka::Message as _;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{ProducerContext, ThreadedProducer};
use serde::Deserialize;
use tokio::sync::oneshot;

use super::Delivered;
use crate::client;
use crate::metrics::producer_queue;

pub(super) type Client = ThreadedProducer<Context>;

/// What the broker said of a message, and when.
pub(super) struct Answer {
    pub at: Instant,
    pub result: Result<Delivered, KafkaError>,
}

/// What a client is made of, and its successor if need be.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub brokers: String,
    pub producer_id: String,
    /// In bytes.
    pub largest_message: usize,
    /// How often the client reports on itself; zero is never.
    pub report_every: Duration,
}

pub(super) fn create(settings: &Settings) -> KafkaResult<Client> {
    let producer_id = &settings.producer_id;
    client::config(&settings.brokers, producer_id)
        .set("message.max.bytes", settings.largest_message.to_string())
        .set(
            "enable.idempotence",
            service::planted!("acks_none" => "false", else "true"),
        )
        .set("acks", service::planted!("acks_none" => "0", else "all"))
        .set("message.timeout.ms", "0")
        // A topic that does not exist is said to be unknown after this.
        .set("topic.metadata.propagation.max.ms", "3000")
        .set(
            "queue.buffering.max.messages",
            service::planted!("drop_on_full_queue" => "20", else "20000"),
        )
        .set("queue.buffering.max.kbytes", "32768")
        .set(
            "statistics.interval.ms",
            settings.report_every.as_millis().to_string(),
        )
        .create_with_context(Context {
            queue: producer_queue(producer_id),
            reports: AtomicU64::new(0),
        })
}

/// What librdkafka calls back.
pub(super) struct Context {
    queue: Gauge,
    reports: AtomicU64,
}

impl Context {
    /// How often the client has reported on itself so far.
    pub fn reports(&self) -> u64 {
        self.reports.load(Ordering::Relaxed)
    }
}

/// The one figure that is wanted of librdkafka's statistics.
#[derive(Deserialize)]
struct Statistics {
    msg_cnt: u32,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.reports.fetch_add(1, Ordering::Relaxed);
        if let Ok(Statistics { msg_cnt }) = serde_json::from_slice(statistics) {
            self.queue.set(f64::from(msg_cnt));
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // A message's own failure is told by its delivery; what is left is the
        // state of connections, which the client repairs by itself.
        tracing::debug!(%error, reason, "kafka_client_error");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<oneshot::Sender<Answer>>;

    fn delivery(&self, result: &DeliveryResult<'_>, answer: Self::DeliveryOpaque) {
        let result = match result {
            Ok(message) => Ok(Delivered {
                partition: message.partition(),
                offset: message.offset(),
            }),
            Err((error, _message)) => Err(error.clone()),
        };
        // Nobody may be waiting any more; the row is then sent again.
        let _ = answer.send(Answer {
            at: Instant::now(),
            result,
        });
    }
}
