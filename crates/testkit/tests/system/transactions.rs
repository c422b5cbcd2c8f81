//! What is done with one statement is committed, whoever had its connection before.

use std::pin::Pin;
use std::time::Duration;

use futures_util::poll;
use service::Secret;
use service::database::{self, Admission, begin, begin_by_index, begin_on};
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgConnection, PgPool};
use testkit::{Backing, Database};

#[tokio::test]
async fn a_beginning_that_is_given_up_leaves_nothing_behind() {
    let here = database().await;
    // Whoever has made the pool.
    let theirs = PgPoolOptions::new().max_connections(1);
    let theirs = theirs.connect(&here.url).await.unwrap();
    for only_one in [ours(&here), theirs] {
        for number in 0..20 {
            let beginning = Box::pin(begin(&only_one));
            give_up(beginning, number / 5).await;
            commits(&here, &mut only_one.acquire().await.unwrap()).await;
        }
    }
}

#[tokio::test]
async fn nor_does_one_on_a_borrowed_connection() {
    let here = database().await;
    let only_one = ours(&here);
    for number in 0..20 {
        let mut connection = only_one.acquire().await.unwrap();
        let beginning = Box::pin(begin_on(&mut *connection));
        give_up(beginning, number / 5).await;
        drop(connection);
        commits(&here, &mut only_one.acquire().await.unwrap()).await;
    }
}

#[tokio::test]
async fn a_connection_goes_from_request_to_request() {
    let here = database().await;
    let admission = admission(&here);
    let mut backends = Vec::new();
    for _ in 0..3 {
        let mut connection = admission.connection().await.unwrap();
        let backend = sqlx::query_scalar("SELECT pg_backend_pid()");
        let backend: i32 = backend.fetch_one(&mut *connection).await.unwrap();
        backends.push(backend);
        connection.pass_on();
        assert!(
            admission.is_idle(),
            "at once, and not when a task had its turn"
        );
    }
    backends.dedup();
    assert_eq!(backends.len(), 1, "{backends:?}");
    // What was passed on is there for a transaction, too.
    let mut transaction = admission.begin().await.unwrap();
    sqlx::query("INSERT INTO written DEFAULT VALUES")
        .execute(&mut *transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn but_not_with_a_beginning_that_was_given_up() {
    let here = database().await;
    let admission = admission(&here);
    for number in 0..20 {
        let mut connection = admission.connection().await.unwrap();
        let beginning = Box::pin(begin_on(&mut *connection));
        give_up(beginning, number / 5).await;
        // Against what it asks for.
        connection.pass_on();
        let mut next = admission.connection().await.unwrap();
        commits(&here, &mut next).await;
        next.pass_on();
    }
}

#[tokio::test]
async fn a_queue_is_read_by_its_indexes_however_small_it_is() {
    let here = database().await;
    let only_one = ours(&here);
    let set_up = sqlx::query("ALTER TABLE written ADD number integer PRIMARY KEY");
    set_up.execute(&only_one).await.unwrap();
    let plan = async |connection: &mut PgConnection| -> String {
        let plan = sqlx::query_scalar("EXPLAIN SELECT FROM written WHERE number < 100");
        let lines: Vec<String> = plan.fetch_all(connection).await.expect("a plan");
        lines.join("\n")
    };
    let mut transaction = begin_by_index(&only_one).await.unwrap();
    let within = plan(&mut transaction).await;
    assert!(!within.contains("Seq Scan"), "{within}");
    // What no index can answer, and not compiled for its price.
    let whole = sqlx::query_scalar("EXPLAIN (ANALYZE) SELECT ctid FROM written");
    let whole: Vec<String> = whole.fetch_all(&mut *transaction).await.unwrap();
    let whole = whole.join("\n");
    assert!(
        whole.contains("Seq Scan") && !whole.contains("JIT"),
        "{whole}"
    );
    transaction.rollback().await.unwrap();
    let after = sqlx::query_scalar("SHOW enable_seqscan");
    let after: String = after.fetch_one(&only_one).await.unwrap();
    assert_eq!(after, "on", "for this transaction only");
}

fn admission(here: &Database) -> Admission {
    Admission::new(ours(here), Duration::from_secs(5))
}

async fn database() -> Database {
    let backing = Backing::shared().await;
    let here = Database::create(&backing, "transactions").await;
    sqlx::query("CREATE TABLE written ()")
        .execute(&here.pool().await)
        .await
        .expect("a table");
    here
}

fn ours(here: &Database) -> PgPool {
    database::pool(&Secret::new(&here.url), 1).expect("a pool")
}

/// The first look sends BEGIN, as the connection is there and idle; later ones are at
/// other points of the way.
async fn give_up<F: Future>(mut beginning: Pin<Box<F>>, after: usize) {
    for _ in 0..=after {
        if poll!(beginning.as_mut()).is_ready() {
            break;
        }
        tokio::task::yield_now().await;
    }
}

async fn commits(here: &Database, connection: &mut PgConnection) {
    let outside = here.pool().await;
    let count = async || -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM written");
        count.fetch_one(&outside).await.expect("a count")
    };
    let before = count().await;
    sqlx::query("INSERT INTO written DEFAULT VALUES")
        .execute(connection)
        .await
        .expect("a row");
    assert_eq!(count().await, before + 1, "not committed");
}
