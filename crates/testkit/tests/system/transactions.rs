//! What is done with one statement is committed, whoever had its connection before.

use std::pin::Pin;

use futures_util::poll;
use service::Secret;
use service::database::{self, begin, begin_on};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
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
            commits(&here, &only_one).await;
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
        commits(&here, &only_one).await;
    }
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

async fn commits(here: &Database, pool: &PgPool) {
    let outside = here.pool().await;
    let count = async || -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM written");
        count.fetch_one(&outside).await.expect("a count")
    };
    let before = count().await;
    sqlx::query("INSERT INTO written DEFAULT VALUES")
        .execute(pool)
        .await
        .expect("a row");
    assert_eq!(count().await, before + 1, "not committed");
}
