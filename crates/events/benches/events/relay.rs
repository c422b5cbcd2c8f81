//! The relay against its own SQL without Kafka: the same statements, in as many
//! lanes, and nothing sent.

use std::time::{Duration, Instant};

use events::outbox::statements::{BYTES_PER_SHARD, CLAIM, DELETE, READ, ROWS_PER_SHARD, SHARDS};
use events::outbox::{LANES, Relay};
use events::producer::Producer;
use events::topics::Topic;
use glasshouse::backing::topics;
use sqlx::{PgPool, Row};
use testkit::{Backing, Database, unique};
use tokio_util::sync::CancellationToken;

use crate::Pairs;

/// Between two looks whether all is sent.
const LOOK: Duration = Duration::from_millis(5);

pub(crate) async fn measure(backing: &Backing, pairs: usize, rows: usize) {
    let prefix = unique("r").replace('_', "") + ".";
    topics::create_topics(&backing.kafka, &prefix)
        .await
        .expect("topics");
    let pool = Database::create(backing, "relay").await.pool().await;
    events::migrate(&pool).await.expect("migrations");
    let producer = Producer::connect(&backing.kafka, "bench", &prefix).expect("a producer");
    // Connections, metadata and plans.
    ours(&pool, &producer, rows / 10).await;
    bare(&pool, rows / 10).await;
    let mut figures = Pairs::default();
    for pair in 0..pairs {
        if pair % 2 == 0 {
            let bare = bare(&pool, rows).await;
            figures.add(bare, ours(&pool, &producer, rows).await);
        } else {
            let ours = ours(&pool, &producer, rows).await;
            figures.add(bare(&pool, rows).await, ours);
        }
    }
    figures.print("relay / its SQL without Kafka");
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

async fn bare(pool: &PgPool, rows: usize) -> f64 {
    fill(pool, rows).await;
    let began = Instant::now();
    let lanes: Vec<_> = (0..LANES)
        .map(|_| tokio::spawn(lane(pool.clone())))
        .collect();
    let mut deleted = 0;
    for lane in lanes {
        deleted += lane.await.expect("a lane");
    }
    assert_eq!(deleted, rows);
    rows as f64 / began.elapsed().as_secs_f64()
}

async fn lane(pool: PgPool) -> usize {
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
