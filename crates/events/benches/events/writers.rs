//! What it costs those who write events that the relay wants to be rung for.

use std::time::{Duration, Instant};

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use testkit::{Backing, Database};

use crate::Pairs;

const WRITERS: u32 = 16;
const TIME: Duration = Duration::from_secs(2);
/// The lock that a relay holds while it rests.
const LOCK: i64 = 122_550_254_464_888;

pub(crate) async fn measure(backing: &Backing, pairs: usize) {
    let database = Database::create(backing, "writers").await;
    let pool = PgPoolOptions::new()
        .max_connections(WRITERS + 1)
        .connect(&database.url)
        .await
        .expect("PostgreSQL");
    events::migrate(&pool).await.expect("migrations");
    let mut figures = Pairs::default();
    for _ in 0..pairs {
        let mut resting = pool.acquire().await.expect("a connection");
        sqlx::query("SELECT pg_advisory_lock($1)")
            .bind(LOCK)
            .execute(&mut *resting)
            .await
            .expect("the lock");
        let ringing = write(&pool).await;
        sqlx::query("SELECT pg_advisory_unlock($1)")
            .bind(LOCK)
            .execute(&mut *resting)
            .await
            .expect("no lock");
        drop(resting);
        figures.add(ringing, write(&pool).await);
    }
    figures.print("16 writers, relay awake / each commit rings");
}

async fn write(pool: &PgPool) -> f64 {
    sqlx::query("TRUNCATE outbox")
        .execute(pool)
        .await
        .expect("empty");
    let began = Instant::now();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let mut written = 0;
                while began.elapsed() < TIME {
                    sqlx::query(
                        "INSERT INTO outbox (id, topic, key, type, source, body)
                         VALUES (gen_random_uuid(), 'todo.tasks.v1', $1, 't', 's', 'x')",
                    )
                    .bind(format!("key-{writer}"))
                    .execute(&pool)
                    .await
                    .expect("a row");
                    written += 1;
                }
                written
            })
        })
        .collect();
    let mut written = 0;
    for writer in writers {
        written += writer.await.expect("a writer");
    }
    f64::from(written) / began.elapsed().as_secs_f64()
}
