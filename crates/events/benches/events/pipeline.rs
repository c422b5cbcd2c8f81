//! The consumer against loops that anybody would write: one that only polls, and
//! one that writes the inbox's rows in the same batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use events::consumer::{
    self, Effect, Effects, Envelope, Failure, Handler, HandlerError, Outcome, Settings, Taken,
};
use events::producer::{Producer, Record};
use events::topics::{self, Topic};
use events::{cloudevents, migrate};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::{ClientConfig, Message};
use sqlx::{PgPool, PgTransaction};
use testkit::{Backing, Database, unique};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Pairs;

/// As many as the consumer puts into one transaction.
const BATCH: usize = 64;
const POLL: Duration = Duration::from_millis(100);

pub(crate) async fn measure(backing: &Backing, pairs: usize, messages: usize) {
    let bench = Bench::new(backing, messages).await;
    let (mut polling, mut reading) = (Pairs::default(), Pairs::default());
    for pair in 0..pairs {
        let bare = || (bench.bare_loop(|_| {}), bench.bare_loop(read_headers));
        let ((polls, reads), ours) = if pair % 2 == 0 {
            let bare = bare();
            (bare, bench.nothing().await)
        } else {
            let ours = bench.nothing().await;
            (bare(), ours)
        };
        polling.add(polls, ours);
        reading.add(reads, ours);
    }
    polling.print("consumer, empty effect / bare loop");
    reading.print("… / bare loop that reads the headers");

    let bench = Bench {
        messages: messages / 4,
        ..bench
    };
    let mut figures = Pairs::default();
    for pair in 0..pairs {
        if pair % 2 == 0 {
            let bare = bench.bare_inserts().await;
            figures.add(bare, bench.inbox().await);
        } else {
            let ours = bench.inbox().await;
            figures.add(bench.bare_inserts().await, ours);
        }
    }
    figures.print("consumer with inbox / bare loop with inserts");
}

/// What nobody can do without who tells events from other messages.
fn read_headers(message: &BorrowedMessage<'_>) {
    cloudevents::read(message.headers()).expect("an event");
}

struct Bench {
    brokers: String,
    prefix: String,
    pool: PgPool,
    messages: usize,
}

impl Bench {
    async fn new(backing: &Backing, messages: usize) -> Self {
        let prefix = unique("p").replace('_', "") + ".";
        glasshouse::backing::topics::create_topics(&backing.kafka, &prefix)
            .await
            .expect("topics");
        let pool = Database::create(backing, "pipeline").await.pool().await;
        migrate(&pool).await.expect("migrations");
        let producer = Producer::connect(&backing.kafka, "bench", &prefix).expect("a producer");
        let body = vec![b'x'; 300];
        let mut in_flight = Vec::new();
        for n in 0..messages {
            let key = format!("key-{}", n % 1000);
            let headers = cloudevents::write(
                Uuid::now_v7(),
                "todo.task.created.v1",
                "todo-api",
                chrono::Utc::now(),
            );
            let record = Record {
                topic: Topic::TodoTasks.name(),
                key: Some(key.as_bytes()),
                body: Some(&body),
                headers,
                timestamp: None,
            };
            in_flight.push(producer.enqueue(record).await.expect("room"));
            if in_flight.len() == 10_000 || n + 1 == messages {
                for mut message in in_flight.drain(..) {
                    message.delivered().await.expect("delivered");
                }
            }
        }
        Self {
            brokers: backing.kafka.clone(),
            prefix,
            pool,
            messages,
        }
    }

    fn rate(&self, began: Instant) -> f64 {
        // The first message is where the clock starts.
        (self.messages - 1) as f64 / began.elapsed().as_secs_f64()
    }

    /// A member of a group of its own, as librdkafka comes.
    fn client(&self) -> BaseConsumer {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", unique("bare"))
            .set("auto.offset.reset", "earliest")
            .create()
            .expect("a consumer");
        let topic = topics::name(&self.prefix, Topic::TodoTasks);
        consumer.subscribe(&[&topic]).expect("a subscription");
        consumer
    }

    fn bare_loop(&self, look: impl Fn(&BorrowedMessage<'_>)) -> f64 {
        let consumer = self.client();
        let (mut seen, mut bytes) = (0, 0);
        let mut began = Instant::now();
        while seen < self.messages {
            let Some(message) = consumer.poll(POLL) else {
                continue;
            };
            let message = message.expect("a message");
            if seen == 0 {
                began = Instant::now();
            }
            bytes += message.payload_len();
            look(&message);
            seen += 1;
        }
        assert!(bytes > 0);
        self.rate(began)
    }

    async fn bare_inserts(&self) -> f64 {
        self.forget().await;
        let consumer = self.client();
        let mut seen = 0;
        let mut began = Instant::now();
        let mut ids: Vec<Uuid> = Vec::with_capacity(BATCH);
        while seen < self.messages {
            let wait = if ids.is_empty() { POLL } else { Duration::ZERO };
            let message = consumer
                .poll(wait)
                .map(|message| message.expect("a message"));
            let is_empty = message.is_none();
            if let Some(message) = message {
                if seen == 0 && ids.is_empty() {
                    began = Instant::now();
                }
                let headers = message.headers().expect("headers");
                let id = headers.iter().find(|header| header.key == "ce_id");
                let id = id.and_then(|header| header.value).expect("an id");
                let id = std::str::from_utf8(id).expect("text");
                ids.push(id.parse().expect("an id"));
            }
            let is_last = seen + ids.len() >= self.messages;
            if ids.len() == BATCH || (!ids.is_empty() && (is_empty || is_last)) {
                self.insert(&ids).await;
                seen += ids.len();
                ids.clear();
            }
        }
        self.rate(began)
    }

    async fn insert(&self, ids: &[Uuid]) {
        let mut tx = self.pool.begin().await.expect("a transaction");
        let new: Vec<Uuid> = sqlx::query_scalar(
            "INSERT INTO inbox (event_id, consumer_group)
             SELECT event_id, $2 FROM unnest($1::uuid[]) AS delivered(event_id)
             ON CONFLICT DO NOTHING RETURNING event_id",
        )
        .bind(ids)
        .bind("bare")
        .fetch_all(&mut *tx)
        .await
        .expect("rows");
        assert_eq!(new.len(), ids.len());
        tx.commit().await.expect("committed");
    }

    async fn forget(&self) {
        sqlx::query("TRUNCATE inbox")
            .execute(&self.pool)
            .await
            .expect("an empty inbox");
    }

    fn settings(&self) -> Settings {
        Settings::new(
            &self.brokers,
            &unique("ours"),
            &[Topic::TodoTasks],
            &self.prefix,
        )
    }

    async fn nothing(&self) -> f64 {
        let clock = Clock::new(self.messages);
        let effects = Nothing(clock.clone());
        let stop = clock.stop.clone();
        let ended = consumer::run_with(self.settings(), effects, stop).await;
        ended.expect("it ends in order");
        self.rate_of(&clock)
    }

    async fn inbox(&self) -> f64 {
        self.forget().await;
        let clock = Clock::new(self.messages);
        let handler = Nothing(clock.clone());
        let stop = clock.stop.clone();
        let ended = consumer::run(self.settings(), self.pool.clone(), handler, stop).await;
        ended.expect("it ends in order");
        self.rate_of(&clock)
    }

    fn rate_of(&self, clock: &Clock) -> f64 {
        let times = clock.times.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(first), Some(last)) = *times else {
            panic!("not all messages came")
        };
        (self.messages - 1) as f64 / (last - first).as_secs_f64()
    }
}

/// Counts to the last message, and stops the consumer then.
#[derive(Clone)]
struct Clock {
    left: Arc<AtomicUsize>,
    times: Arc<Mutex<(Option<Instant>, Option<Instant>)>>,
    total: usize,
    stop: CancellationToken,
}

impl Clock {
    fn new(total: usize) -> Self {
        Self {
            left: Arc::new(AtomicUsize::new(total)),
            times: Arc::default(),
            total,
            stop: CancellationToken::new(),
        }
    }

    fn begins(&self) {
        if self.left.load(Ordering::Relaxed) == self.total {
            let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
            times.0.get_or_insert_with(Instant::now);
        }
    }

    fn done(&self) {
        // More may come than are counted.
        let left = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
        if left == Ok(1) {
            let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
            times.1 = Some(Instant::now());
            self.stop.cancel();
        }
    }
}

/// No effect at all, or none but the inbox's row.
struct Nothing(Clock);

impl Effects for Nothing {
    fn concurrency(&self) -> usize {
        8
    }

    async fn apply(&self, batch: &[Taken<'_>]) -> Result<Vec<Effect>, Failure> {
        self.0.begins();
        Ok(vec![Effect::Handled(Outcome::Done); batch.len()])
    }

    async fn committed(&self, _: &Envelope<'_>) {
        self.0.done();
    }
}

impl Handler for Nothing {
    async fn handle(
        &self,
        _: &mut PgTransaction<'_>,
        _: &Envelope<'_>,
    ) -> Result<Outcome, HandlerError> {
        self.0.begins();
        Ok(Outcome::Done)
    }

    async fn committed(&self, _: &Envelope<'_>) {
        self.0.done();
    }
}
