//! The relay against its own SQL, the same statements in as many lanes: with
//! nothing sent, and with a bare producer that sends the same messages.

use std::time::{Duration, Instant};

use events::cloudevents;
use events::outbox::statements::{BYTES_PER_SHARD, CLAIM, DELETE, READ, ROWS_PER_SHARD, SHARDS};
use events::outbox::{LANES, Relay};
use events::producer::Producer;
use events::topics::{self, Topic};
use glasshouse::backing::topics::create_topics;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};
use testkit::{Backing, Database, unique};
use tokio_util::sync::CancellationToken;

use crate::Pairs;

/// Between two looks whether all is sent.
const LOOK: Duration = Duration::from_millis(5);

pub(crate) async fn measure(backing: &Backing, pairs: usize, rows: usize) {
    let prefix = unique("r").replace('_', "") + ".";
    create_topics(&backing.kafka, &prefix)
        .await
        .expect("topics");
    let pool = Database::create(backing, "relay").await.pool().await;
    events::migrate(&pool).await.expect("migrations");
    let producer = Producer::connect(&backing.kafka, "bench", &prefix).expect("a producer");
    let bare_producer = BareProducer::connect(backing, &prefix);
    // Connections, metadata and plans.
    ours(&pool, &producer, rows / 10).await;
    bare(&pool, rows / 10, None).await;
    bare(&pool, rows / 10, Some(&bare_producer)).await;
    let (mut silent, mut sending) = (Pairs::default(), Pairs::default());
    for pair in 0..pairs {
        let bare = async || {
            let silent = bare(&pool, rows, None).await;
            (silent, bare(&pool, rows, Some(&bare_producer)).await)
        };
        let ((alone, sent), ours) = if pair % 2 == 0 {
            let bare = bare().await;
            (bare, ours(&pool, &producer, rows).await)
        } else {
            let ours = ours(&pool, &producer, rows).await;
            (bare().await, ours)
        };
        silent.add(alone, ours);
        sending.add(sent, ours);
    }
    silent.print("relay / its SQL without Kafka");
    sending.print("… / its SQL and a bare producer");
}

/// rdkafka's own producer, as safe as ours: idempotent, acknowledged by all.
#[derive(Clone)]
struct BareProducer {
    producer: FutureProducer,
    topic: String,
}

impl BareProducer {
    fn connect(backing: &Backing, prefix: &str) -> Self {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &backing.kafka)
            .set("enable.idempotence", "true")
            .create()
            .expect("a producer");
        Self {
            producer,
            topic: topics::name(prefix, Topic::TodoTasks),
        }
    }

    /// Sends the rows, and waits for all answers.
    async fn send(&self, rows: &[PgRow]) {
        let mut answers = Vec::with_capacity(rows.len());
        for row in rows {
            let headers = cloudevents::write(
                row.get("id"),
                row.get("type"),
                row.get("source"),
                row.get("occurred_at"),
            );
            let record = FutureRecord::to(&self.topic)
                .key(row.get::<&str, _>("key"))
                .payload(row.get::<&[u8], _>("body"))
                .headers(headers);
            let answer = self.producer.send_result(record);
            answers.push(answer.map_err(|(error, _)| error).expect("room"));
        }
        for answer in answers {
            let delivered = answer.await.expect("an answer");
            delivered.map_err(|(error, _)| error).expect("delivered");
        }
    }
}

async fn fill(pool: &PgPool, rows: usize) {
    sqlx::query("TRUNCATE outbox")
        .execute(pool)
        .await
        .expect("empty");
    sqlx::query(
        "INSERT INTO outbox (id, topic, key, type, source, body)
         SELECT gen_random_uuid(), 'todo.tasks.v1', 'key-' || n % 1000,
                'todo.task.created.v1', 'todo-api', convert_to(repeat('x', 300), 'UTF8')
         FROM generate_series(1, $1) AS n",
    )
    .bind(i64::try_from(rows).expect("a number"))
    .execute(pool)
    .await
    .expect("rows");
    sqlx::query("ANALYZE outbox")
        .execute(pool)
        .await
        .expect("statistics");
}

async fn ours(pool: &PgPool, producer: &Producer, rows: usize) -> f64 {
    fill(pool, rows).await;
    let relay = Relay::new(pool.clone(), producer.clone(), &[Topic::TodoTasks]);
    let stop = CancellationToken::new();
    let began = Instant::now();
    let running = tokio::spawn(relay.run(stop.clone()));
    while !is_empty(pool).await {
        tokio::time::sleep(LOOK).await;
    }
    let elapsed = began.elapsed();
    stop.cancel();
    running.await.expect("it ends");
    rows as f64 / elapsed.as_secs_f64()
}

/// Looks from the end: from the beginning, each look would read all that was
/// deleted so far, and the relay would pay for it.
async fn is_empty(pool: &PgPool) -> bool {
    let last = "SELECT FROM outbox ORDER BY seq DESC LIMIT 1";
    let found = sqlx::query(last).fetch_optional(pool);
    found.await.expect("an answer").is_none()
}

async fn bare(pool: &PgPool, rows: usize, producer: Option<&BareProducer>) -> f64 {
    fill(pool, rows).await;
    let began = Instant::now();
    let lanes: Vec<_> = (0..LANES)
        .map(|_| tokio::spawn(lane(pool.clone(), producer.cloned())))
        .collect();
    let mut deleted = 0;
    for lane in lanes {
        deleted += lane.await.expect("a lane");
    }
    assert_eq!(deleted, rows);
    rows as f64 / began.elapsed().as_secs_f64()
}

async fn lane(pool: PgPool, producer: Option<BareProducer>) -> usize {
    let mut deleted = 0;
    loop {
        let begin = service::database::begin_by_index(&pool);
        let mut tx = begin.await.expect("a transaction");
        let shards: Vec<i16> = sqlx::query_scalar(CLAIM)
            .bind(SHARDS)
            .bind(Vec::<i16>::new())
            .fetch_all(&mut *tx)
            .await
            .expect("shards");
        if shards.is_empty() {
            return deleted;
        }
        let rows = sqlx::query(READ)
            .bind(&shards)
            .bind(ROWS_PER_SHARD)
            .bind(BYTES_PER_SHARD)
            .fetch_all(&mut *tx)
            .await
            .expect("rows");
        if rows.is_empty() {
            return deleted;
        }
        if let Some(producer) = &producer {
            producer.send(&rows).await;
        }
        let rows: Vec<i64> = rows.iter().map(|row| row.get("seq")).collect();
        sqlx::query(DELETE)
            .bind(&rows)
            .execute(&mut *tx)
            .await
            .expect("deleted");
        tx.commit().await.expect("committed");
        deleted += rows.len();
    }
}
