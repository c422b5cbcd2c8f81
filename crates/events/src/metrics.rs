//! Every metric of Kafka, outbox and inbox. `topic` is the logical name, without
//! `TOPIC_PREFIX`: dashboards stay the same wherever this runs. All labels are
//! bounded by what is configured: topics, groups, producers, partitions.

use metrics::{Counter, Gauge, Histogram};
use telemetry::database::Query;
use telemetry::metrics::{FAST, Label, Metric, SLOW};

use crate::client;

const TOPIC: Label = Label::open("topic");
const GROUP: Label = Label::open("consumer_group");
const PRODUCER: Label = Label::open("producer_id");
const PARTITION: Label = Label::open("partition");
const ERROR_TYPE: Label = Label::open("error_type");

/// Rows, powers of four: as many as one round of the relay may take.
const BATCH: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0];

const PRODUCER_MESSAGES: Metric = Metric::counter(
    "kafka_producer_messages_total",
    "Messages whose delivery was confirmed or refused.",
    &[
        TOPIC,
        PRODUCER,
        Label::known("status", &["success", "failure"]),
    ],
);
const PRODUCER_LATENCY: Metric = Metric::histogram(
    "kafka_producer_latency_seconds",
    "From handing a message to the client to the broker's answer.",
    &[TOPIC, PRODUCER],
    FAST,
);
const PRODUCER_QUEUE: Metric = Metric::gauge(
    "kafka_producer_queue_size",
    "Messages that wait in the client or for the broker's answer.",
    &[PRODUCER],
);
const PRODUCER_BYTES: Metric = Metric::counter(
    "kafka_producer_bytes_total",
    "Bytes of the bodies delivered.",
    &[TOPIC, PRODUCER],
);
const PRODUCER_ERRORS: Metric = Metric::counter(
    "kafka_producer_errors_total",
    "Messages refused, by class of error.",
    &[ERROR_TYPE, TOPIC, PRODUCER],
);

const CONSUMER_MESSAGES: Metric = Metric::counter(
    "kafka_consumer_messages_total",
    "Messages dealt with: success, failure (a handled business failure), error (dead letters).",
    &[
        TOPIC,
        GROUP,
        Label::known("status", &["success", "failure", "error"]),
    ],
);
const CONSUMER_LATENCY: Metric = Metric::histogram(
    "kafka_consumer_latency_seconds",
    "From taking a message up to its effect being committed.",
    &[TOPIC, GROUP],
    FAST,
);
const CONSUMER_END_TO_END: Metric = Metric::histogram(
    "kafka_consumer_end_to_end_seconds",
    "From the event's own time to its effect being committed.",
    &[TOPIC, GROUP],
    SLOW,
);
const CONSUMER_OFFSET: Metric = Metric::gauge(
    "kafka_consumer_offset",
    "Position of what has been processed: the next offset to deal with.",
    &[TOPIC, PARTITION, GROUP],
);
const CONSUMER_LAG: Metric = Metric::gauge(
    "kafka_consumer_lag",
    "End of the partition minus the position of what has been processed.",
    &[TOPIC, PARTITION, GROUP],
);
const CONSUMER_LAG_SECONDS: Metric = Metric::gauge(
    "kafka_consumer_lag_seconds",
    "Age of the oldest unprocessed event.",
    &[TOPIC, GROUP],
);
const CONSUMER_BYTES: Metric = Metric::counter(
    "kafka_consumer_bytes_total",
    "Bytes of the bodies dealt with.",
    &[TOPIC, GROUP],
);
const CONSUMER_ERRORS: Metric = Metric::counter(
    "kafka_consumer_errors_total",
    "Attempts that failed, dead letters' causes and client errors, by class.",
    &[ERROR_TYPE, TOPIC, GROUP],
);
const CONSUMER_REBALANCES: Metric = Metric::counter(
    "kafka_consumer_rebalances_total",
    "Changes of what is assigned to this member of the group.",
    &[GROUP, Label::known("kind", &["assign", "revoke", "lost"])],
);
const CONSUMER_PAUSED: Metric = Metric::gauge(
    "kafka_consumer_paused",
    "Partitions whose consumption waits for a dependency to come back.",
    &[GROUP],
);
const DEAD_LETTERS: Metric = Metric::counter(
    "kafka_dead_letters_total",
    "Messages moved to the dead-letter topic.",
    &[TOPIC, GROUP],
);
const REDRIVEN: Metric = Metric::counter(
    "kafka_redriven_total",
    "Messages sent back from the dead-letter topic and processed again.",
    &[TOPIC, GROUP],
);
const DUPLICATES: Metric = Metric::counter(
    "kafka_duplicates_skipped_total",
    "Deliveries of an event that had taken effect before.",
    &[TOPIC, GROUP],
);

pub(crate) const OUTBOX_PENDING: Metric = Metric::gauge(
    "outbox_pending",
    "Events that wait in the outbox for the broker.",
    &[],
);
pub(crate) const OUTBOX_OLDEST_AGE: Metric = Metric::gauge(
    "outbox_oldest_age_seconds",
    "Age of the oldest event that waits in the outbox.",
    &[],
);
pub(crate) const OUTBOX_SET_ASIDE: Metric = Metric::gauge(
    "outbox_set_aside",
    "Events in the outbox that could not be sent and wait for a person.",
    &[],
);
pub(crate) const OUTBOX_BATCH: Metric = Metric::histogram(
    "outbox_batch_size",
    "Events that the relay sent at once.",
    &[],
    BATCH,
);

/// All of them, for the bootstrap to register.
pub const CATALOGUE: &[&Metric] = &[
    &PRODUCER_MESSAGES,
    &PRODUCER_LATENCY,
    &PRODUCER_QUEUE,
    &PRODUCER_BYTES,
    &PRODUCER_ERRORS,
    &CONSUMER_MESSAGES,
    &CONSUMER_LATENCY,
    &CONSUMER_END_TO_END,
    &CONSUMER_OFFSET,
    &CONSUMER_LAG,
    &CONSUMER_LAG_SECONDS,
    &CONSUMER_BYTES,
    &CONSUMER_ERRORS,
    &CONSUMER_REBALANCES,
    &CONSUMER_PAUSED,
    &DEAD_LETTERS,
    &REDRIVEN,
    &DUPLICATES,
    &OUTBOX_PENDING,
    &OUTBOX_OLDEST_AGE,
    &OUTBOX_SET_ASIDE,
    &OUTBOX_BATCH,
];

/// Takes up an event: its row tells whether it is new.
pub static INBOX_INSERT: Query = Query::new("inbox_insert", "INSERT", "inbox");
/// Takes shards of the outbox.
pub static OUTBOX_CLAIM: Query = Query::new("outbox_claim", "SELECT", "outbox_shards");
/// Reads what waits in them.
pub static OUTBOX_READ: Query = Query::new("outbox_read", "SELECT", "outbox");
/// Deletes what was delivered.
pub static OUTBOX_DELETE: Query = Query::new("outbox_delete", "DELETE", "outbox");
/// Marks what was refused.
pub static OUTBOX_MARK: Query = Query::new("outbox_mark", "UPDATE", "outbox");
/// Asks for leave to wait for a notification, and gives it up.
pub static OUTBOX_REST: Query = Query::new("outbox_rest", "SELECT", "outbox");
/// Counts what waits.
pub static OUTBOX_COUNT: Query = Query::new("outbox_count", "SELECT", "outbox");
/// Forgets what took effect long ago.
pub static INBOX_PURGE: Query = Query::new("inbox_purge", "DELETE", "inbox");

/// Queries of a service that publishes.
pub const OUTBOX_QUERIES: &[&Query] = &[
    &OUTBOX_CLAIM,
    &OUTBOX_READ,
    &OUTBOX_DELETE,
    &OUTBOX_MARK,
    &OUTBOX_REST,
    &OUTBOX_COUNT,
];
/// Queries of a service that consumes.
pub const INBOX_QUERIES: &[&Query] = &[&INBOX_INSERT, &INBOX_PURGE];

/// Series of one producer and topic.
pub(crate) struct ProducerSeries {
    pub success: Counter,
    pub failure: Counter,
    pub latency: Histogram,
    pub bytes: Counter,
    errors: Vec<(&'static str, Counter)>,
}

impl ProducerSeries {
    pub fn new(topic: &str, producer_id: &str) -> Self {
        Self {
            success: PRODUCER_MESSAGES.counter_handle(&[topic, producer_id, "success"]),
            failure: PRODUCER_MESSAGES.counter_handle(&[topic, producer_id, "failure"]),
            latency: PRODUCER_LATENCY.histogram_handle(&[topic, producer_id]),
            bytes: PRODUCER_BYTES.counter_handle(&[topic, producer_id]),
            errors: client::PRODUCER_ERRORS
                .iter()
                .map(|kind| {
                    (
                        *kind,
                        PRODUCER_ERRORS.counter_handle(&[kind, topic, producer_id]),
                    )
                })
                .collect(),
        }
    }

    pub fn error(&self, kind: &'static str) {
        if let Some((_, counter)) = self.errors.iter().find(|(name, _)| *name == kind) {
            counter.increment(1);
        }
    }
}

pub(crate) fn producer_queue(producer_id: &str) -> Gauge {
    PRODUCER_QUEUE.gauge_handle(&[producer_id])
}

/// Series of one group and topic.
pub(crate) struct ConsumerSeries {
    topic: &'static str,
    group: String,
    pub success: Counter,
    pub failure: Counter,
    pub error: Counter,
    pub latency: Histogram,
    pub end_to_end: Histogram,
    pub lag_seconds: Gauge,
    pub bytes: Counter,
    pub dead_letters: Counter,
    pub redriven: Counter,
    pub duplicates: Counter,
}

impl ConsumerSeries {
    pub fn new(topic: &'static str, group: &str) -> Self {
        let series = Self {
            topic,
            group: group.to_owned(),
            success: CONSUMER_MESSAGES.counter_handle(&[topic, group, "success"]),
            failure: CONSUMER_MESSAGES.counter_handle(&[topic, group, "failure"]),
            error: CONSUMER_MESSAGES.counter_handle(&[topic, group, "error"]),
            latency: CONSUMER_LATENCY.histogram_handle(&[topic, group]),
            end_to_end: CONSUMER_END_TO_END.histogram_handle(&[topic, group]),
            lag_seconds: CONSUMER_LAG_SECONDS.gauge_handle(&[topic, group]),
            bytes: CONSUMER_BYTES.counter_handle(&[topic, group]),
            dead_letters: DEAD_LETTERS.counter_handle(&[topic, group]),
            redriven: REDRIVEN.counter_handle(&[topic, group]),
            duplicates: DUPLICATES.counter_handle(&[topic, group]),
        };
        series.lag_seconds.set(0.0);
        for kind in client::CONSUMER_ERRORS
            .iter()
            .chain(crate::consumer::CAUSES)
        {
            series.error_counter(kind).increment(0);
        }
        series
    }

    pub fn count_error(&self, kind: &str) {
        self.error_counter(kind).increment(1);
    }

    fn error_counter(&self, kind: &str) -> Counter {
        CONSUMER_ERRORS.counter_handle(&[kind, self.topic, &self.group])
    }
}

/// Gauges of one assigned partition; zero when made and when let go, so that a
/// sum over all members counts no partition twice.
pub(crate) struct PartitionSeries {
    pub offset: Gauge,
    pub lag: Gauge,
}

impl PartitionSeries {
    pub fn new(topic: &str, partition: i32, group: &str) -> Self {
        let partition = partition.to_string();
        let series = Self {
            offset: CONSUMER_OFFSET.gauge_handle(&[topic, &partition, group]),
            lag: CONSUMER_LAG.gauge_handle(&[topic, &partition, group]),
        };
        series.zero();
        series
    }

    pub fn zero(&self) {
        self.offset.set(0.0);
        self.lag.set(0.0);
    }
}

/// Series of one group, whatever the topic.
pub(crate) struct GroupSeries {
    pub assigned: Counter,
    pub revoked: Counter,
    pub lost: Counter,
    pub paused: Gauge,
}

impl GroupSeries {
    pub fn new(group: &str) -> Self {
        let series = Self {
            assigned: CONSUMER_REBALANCES.counter_handle(&[group, "assign"]),
            revoked: CONSUMER_REBALANCES.counter_handle(&[group, "revoke"]),
            lost: CONSUMER_REBALANCES.counter_handle(&[group, "lost"]),
            paused: CONSUMER_PAUSED.gauge_handle(&[group]),
        };
        series.paused.set(0.0);
        series
    }
}
