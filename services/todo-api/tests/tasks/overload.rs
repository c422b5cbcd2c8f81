//! More than the service can do: some of it is refused, quickly and clearly, and
//! nothing else suffers.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use sqlx::{PgPool, Postgres, pool::PoolConnection};
use testkit::eventually;

use super::client::{Api, path};

#[tokio::test(flavor = "multi_thread")]
async fn slow_queries_fill_the_pool_and_the_rest_is_refused_soon() {
    let api = Api::start_with(&[
        ("DATABASE_CONNECTIONS", "6"),
        ("OVERLOAD_WAIT_SECONDS", "0.2"),
        ("REQUEST_DEADLINE_SECONDS", "20"),
    ])
    .await;
    let user = api.user();
    let task = user.titled("There").await;
    let pool = api.database().await;
    let lock = held(&pool).await;

    let timed = || async {
        let start = Instant::now();
        let answer = user.get(&path(&task)).await;
        (answer, start.elapsed())
    };
    // Four have a connection and wait for the table; two connections are left
    // to the outbox.
    let asked = async { join_all((0..60).map(|_| timed())).await };
    let freed = async {
        let shed = || api.counted("http_requests_shed_total", "reason", "database");
        eventually("56 are refused", || async {
            (shed().await == 56.0).then_some(())
        })
        .await;
        let (ready, _) = api.service().probe("/health/ready").await;
        assert_eq!(ready, 200, "probes do not wait behind the load");
        let public = api.request(reqwest::Method::GET, "/health/ready");
        assert_eq!(public.send().await.expect("an answer").status(), 200);
        let samples = api.service().metrics().await;
        assert!(samples.sum("database_connections_active", &[]) <= 5.0);
        release(lock).await;
    };
    let (answers, ()) = tokio::join!(asked, freed);
    let (refused, served): (Vec<_>, Vec<_>) =
        answers.iter().partition(|(answer, _)| answer.status != 200);
    assert_eq!((refused.len(), served.len()), (56, 4));
    let mut slowest = Duration::ZERO;
    for (answer, took) in &refused {
        assert_eq!(answer.problem(), (503, "overloaded"));
        assert_eq!(answer.headers["retry-after"], "1");
        slowest = slowest.max(*took);
    }
    println!("the slowest refusal took {slowest:?}");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");

    // Recovered: nothing is refused any more.
    let after = join_all((0..60).map(|_| timed())).await;
    assert!(after.iter().all(|(answer, _)| answer.status == 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_takes_too_long_is_given_up_before_the_deadline() {
    let api = Api::start_with(&[("REQUEST_DEADLINE_SECONDS", "1")]).await;
    let user = api.user();
    let task = user.titled("There").await;
    let pool = api.database().await;
    let lock = held(&pool).await;
    let start = Instant::now();
    let late = user.get(&path(&task)).await;
    assert_eq!(late.problem(), (504, "deadline_exceeded"));
    let write = user.post("/v1/tasks", &json!({"title": "Not made"})).await;
    assert_eq!(write.problem(), (504, "deadline_exceeded"));
    assert!(start.elapsed() < Duration::from_secs(4));
    // The database stops, too, while the lock is still held. A statement that
    // began late in its request ends a little after it. The service's own count
    // of tasks belongs to no request, and may wait.
    eventually("no request waits for the table", || async {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
             WHERE NOT granted AND relation = 'tasks'::regclass
             AND datname = current_database() AND query NOT LIKE 'SELECT count(*) - %'",
        )
        .fetch_one(&pool)
        .await
        .expect("pg_locks");
        (waiting == 0).then_some(())
    })
    .await;
    release(lock).await;
    assert_eq!(user.titles("").await, ["There"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_more_than_is_worked_on_at_once_is_refused_at_once() {
    let api = Api::start_with(&[("MAX_REQUESTS", "1")]).await;
    let user = api.user();
    let task = user.titled("There").await;
    let pool = api.database().await;
    let lock = held(&pool).await;
    let path = path(&task);
    let first = user.get(&path);
    let second = async {
        eventually("the first one is at work", || async {
            let active = api
                .service()
                .metrics()
                .await
                .sum("http_requests_active", &[]);
            (active == 1.0).then_some(())
        })
        .await;
        let second = user.get(&path).await;
        let probe = api.request(reqwest::Method::GET, "/health/ready");
        assert_eq!(probe.send().await.expect("an answer").status(), 200);
        release(lock).await;
        second
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(second.problem(), (503, "overloaded"));
    assert_eq!(second.headers["retry-after"], "1");
    assert_eq!(first.status, 200);
    assert_eq!(user.get(&path).await.status, 200, "recovered");
    assert_eq!(
        api.counted("http_requests_shed_total", "reason", "requests")
            .await,
        1.0
    );
}

/// Keeps everybody from reading or writing tasks, until it is released.
async fn held(pool: &PgPool) -> PoolConnection<Postgres> {
    let mut connection = pool.acquire().await.expect("a connection");
    for statement in ["BEGIN", "LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE"] {
        let done = sqlx::query(statement).execute(&mut *connection).await;
        done.expect(statement);
    }
    connection
}

async fn release(mut lock: PoolConnection<Postgres>) {
    let done = sqlx::query("COMMIT").execute(&mut *lock).await;
    done.expect("COMMIT");
}
