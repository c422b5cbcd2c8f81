//! A request with an `Idempotency-Key` is done once, whatever happens.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::eventually;

use super::client::{Answer, Api, Client, answer, path};

fn keyed(user: &Client, path: &str, key: &str, body: &Value) -> RequestBuilder {
    let request = user.request(Method::POST, path).json(body);
    request.header("idempotency-key", key)
}

async fn create(user: &Client<'_>, key: &str, title: &str) -> Answer {
    answer(keyed(user, "/v1/tasks", key, &json!({ "title": title }))).await
}

fn replayed(answer: &Answer) -> bool {
    answer
        .headers
        .get("idempotent-replayed")
        .map(String::as_str)
        == Some("true")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_is_answered_as_before_and_done_once() {
    let api = Api::start().await;
    let user = api.user();
    let first = create(&user, "\"one\"", "Buy milk").await;
    assert_eq!((first.status, replayed(&first)), (201, false), "{first:?}");
    user.patch(&first.body, &json!({"title": "Buy oat milk"}))
        .await;
    let again = create(&user, "one", "Buy milk").await;
    assert_eq!((again.status, replayed(&again)), (201, true), "{again:?}");
    assert_eq!(again.body, first.body, "as it was answered then");
    for header in ["location", "etag", "content-type"] {
        assert_eq!(again.headers[header], first.headers[header], "{header}");
    }
    assert_ne!(again.headers["x-request-id"], first.headers["x-request-id"]);
    assert_eq!(user.titles("").await, ["Buy oat milk"]);
    assert_eq!(api.operations("create").await, 1.0);
    assert_eq!(api.events(&first.body).await.len(), 2, "created, updated");

    // The key is that of this user and this operation.
    let stranger = api.user();
    let theirs = create(&stranger, "one", "Buy milk").await;
    assert_eq!((theirs.status, replayed(&theirs)), (201, false));
    assert_ne!(theirs.body["id"], first.body["id"]);
    let complete = format!("{}/complete", path(&first.body));
    for expected in [false, true] {
        let done = answer(keyed(&user, &complete, "one", &Value::Null)).await;
        assert_eq!((done.status, replayed(&done)), (200, expected), "{done:?}");
        user.act(&first.body, "reopen").await;
    }
    let open = user.get(&path(&first.body)).await.body;
    assert_eq!(open["status"], "open", "not completed again");
    assert_eq!(open["version"], 4, "created, updated, completed, reopened");

    let patch = |title: &str| {
        let request = user.request(Method::PATCH, &path(&first.body));
        answer(
            request
                .json(&json!({ "title": title }))
                .header("idempotency-key", "two"),
        )
    };
    assert_eq!(patch("A").await.body["version"], 5);
    assert!(replayed(&patch("A").await));
    assert_eq!(patch("B").await.problem(), (422, "idempotency_key_reused"));
    assert_eq!(user.get(&path(&first.body)).await.body["version"], 5);
    for (outcome, count) in [("executed", 4.0), ("replayed", 3.0), ("mismatched", 1.0)] {
        assert_eq!(
            api.counted("idempotent_requests_total", "outcome", outcome)
                .await,
            count
        );
    }
}

/// An operation counts when it is committed, and not before.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_committed_is_not_counted() {
    let api = Api::start().await;
    let user = api.user();
    let pool = api.database().await;
    let refuse = "
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'not committed'; END $$;
        CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE ON tasks
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()";
    let daily = json!({
        "title": "Daily", "due_at": "2031-01-01T09:00:00Z", "recurrence": {"rule": "FREQ=DAILY"},
    });
    let daily = user.create(daily).await;
    let complete = format!("{}/complete", path(&daily));
    let lines = "{\"title\": \"one\"}\n{\"title\": \"two\"}\n";
    let import = || {
        let import = user.request(Method::POST, "/v1/tasks/import");
        let import = import.header("content-type", "application/x-ndjson");
        answer(import.header("idempotency-key", "file").body(lines))
    };
    sqlx::raw_sql(refuse)
        .execute(&pool)
        .await
        .expect("a trigger");
    let counts = || async {
        (
            api.operations("create").await,
            api.operations("complete").await,
            api.counted("idempotent_requests_total", "outcome", "executed")
                .await,
        )
    };
    let attempt = || async {
        [
            create(&user, "new", "Fine").await.status,
            answer(keyed(&user, &complete, "done", &Value::Null))
                .await
                .status,
            import().await.status,
        ]
    };
    assert_eq!(attempt().await, [500; 3]);
    assert_eq!(counts().await, (1.0, 0.0, 0.0));
    assert_eq!(user.titles("").await, ["Daily"]);

    let accept = sqlx::raw_sql("DROP TRIGGER refuse ON tasks");
    accept.execute(&pool).await.expect("no trigger");
    assert_eq!(attempt().await, [201, 200, 200]);
    // The new one, the next occurrence, and two of the file.
    assert_eq!(counts().await, (5.0, 1.0, 3.0));
    assert_eq!(attempt().await, [201, 200, 200]);
    assert_eq!(counts().await, (5.0, 1.0, 3.0), "replayed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_judged_anew() {
    let api = Api::start().await;
    let user = api.user();
    assert_eq!(
        create(&user, "key", " ").await.problem(),
        (422, "validation_failed")
    );
    assert_eq!(
        create(&user, "key", " ").await.problem(),
        (422, "validation_failed")
    );
    let corrected = create(&user, "key", "Fine").await;
    assert_eq!((corrected.status, replayed(&corrected)), (201, false));
    assert_eq!(
        create(&user, "key", " ").await.problem(),
        (422, "idempotency_key_reused")
    );
    for malformed in ["", "\"", "a b", "a, b"] {
        let refused = create(&user, malformed, "Fine").await;
        assert_eq!(
            refused.problem(),
            (400, "idempotency_key_malformed"),
            "{malformed}"
        );
    }
    let nobody = api
        .request(Method::POST, "/v1/tasks")
        .header("idempotency-key", "key");
    assert_eq!(answer(nobody).await.problem(), (401, "token_missing"));
    let large = json!({"title": "x".repeat(2 << 20)});
    let large = answer(keyed(&user, "/v1/tasks", "large", &large)).await;
    assert_eq!(large.problem(), (413, "body_too_large"));
    assert_eq!(user.titles("").await, ["Fine"]);
    assert_eq!(keys(&api.database().await).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_first_one_runs_the_second_is_told_so() {
    let api = Api::start().await;
    let user = api.user();
    let pool = api.database().await;
    let mut lock = held(&pool).await;
    let first = keyed(&user, "/v1/tasks", "slow", &json!({"title": "Slow"}));
    let first = tokio::spawn(answer(first));
    blocked(&pool).await;
    let second = create(&user, "slow", "Slow").await;
    assert_eq!(second.problem(), (409, "request_in_progress"));
    assert_eq!(second.headers["retry-after"], "1");
    assert_eq!(
        user.titles("").await,
        [""; 0],
        "not before the answer is kept"
    );
    sqlx::query("COMMIT")
        .execute(&mut *lock)
        .await
        .expect("COMMIT");
    let first = first.await.expect("an answer");
    assert_eq!(first.status, 201);
    let second = create(&user, "slow", "Slow").await;
    assert_eq!((second.status, replayed(&second)), (201, true));
    assert_eq!(second.body, first.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_leaves_task_event_and_key_or_none_of_them() {
    let mut api = Api::start().await;
    let pool = api.database().await;
    let who = api.user().who;

    // The task is written, the key is not yet, nothing is committed.
    let mut lock = held(&pool).await;
    let request = keyed(
        &api.client(&who),
        "/v1/tasks",
        "one",
        &json!({"title": "One"}),
    );
    let cut = tokio::spawn(request.send());
    blocked(&pool).await;
    api.crash().await;
    assert!(cut.await.expect("a request").is_err());
    sqlx::query("COMMIT")
        .execute(&mut *lock)
        .await
        .expect("COMMIT");
    eventually("the transaction is gone", || async {
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database =
             (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        .fetch_one(&pool)
        .await
        .expect("pg_locks");
        (open == 0).then_some(())
    })
    .await;
    assert_eq!((tasks(&pool).await, keys(&pool).await), (0, 0));
    api.restart().await;
    let user = api.client(&who);
    let first = create(&user, "one", "One").await;
    assert_eq!((first.status, replayed(&first)), (201, false));

    // Everything is committed, and the answer never arrives.
    let request = keyed(&user, "/v1/tasks", "two", &json!({"title": "Two"}));
    let sent = tokio::spawn(request.send());
    eventually("the key is there", || async {
        (keys(&pool).await == 2).then_some(())
    })
    .await;
    api.crash().await;
    drop(sent);
    api.restart().await;
    let user = api.client(&who);
    let second = create(&user, "two", "Two").await;
    assert_eq!((second.status, replayed(&second)), (201, true));
    assert_eq!(user.titles("").await, ["Two", "One"]);
    for task in [&first.body, &second.body] {
        // A relay that crashed may have sent one twice: consumers tell by its id.
        let events = api.events(task).await;
        let ids: BTreeSet<_> = events.iter().map(|event| event.header("ce_id")).collect();
        assert_eq!(ids.len(), 1, "{task}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_again_until_answered_has_it_done_once_through_crashes() {
    const WRITES: usize = 40;
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut api = Api::start().await;
    api.keep_address();
    let pool = api.database().await;
    let who = api.user().who;
    let url = api.service().url("/v1/tasks");
    let done = Arc::new(AtomicBool::new(false));
    let writers = (0..4).map(|writer| {
        let (url, token) = (url.clone(), who.token.clone());
        tokio::spawn(async move {
            let http = reqwest::Client::new();
            let mut ids = Vec::new();
            for number in 0..WRITES / 4 {
                let title = format!("{writer}-{number}");
                ids.push(until_created(&http, &url, &token, &title).await);
            }
            ids
        })
    });
    let writers: Vec<_> = writers.collect();
    let all = Arc::clone(&done);
    let writing = tokio::spawn(async move {
        let mut ids = BTreeSet::new();
        for writer in writers {
            ids.extend(writer.await.expect("a writer"));
        }
        all.store(true, Ordering::Relaxed);
        ids
    });
    let mut crashes = 0;
    while !done.load(Ordering::Relaxed) && crashes < 4 {
        // At a moment of no importance: between two requests or inside one.
        tokio::time::sleep(Duration::from_millis(random.random_range(20..150))).await;
        api.crash().await;
        api.restart().await;
        crashes += 1;
    }
    let ids = writing.await.expect("every writer");
    assert!(crashes > 0);
    assert_eq!(ids.len(), WRITES, "after {crashes} crashes");
    assert_eq!(tasks(&pool).await, WRITES as i64);
    assert_eq!(keys(&pool).await, WRITES as i64);
}

async fn until_created(http: &reqwest::Client, url: &str, token: &str, title: &str) -> String {
    eventually(title, || async {
        let request = http
            .post(url)
            .bearer_auth(token)
            .json(&json!({ "title": title }));
        let request = request.header("idempotency-key", title);
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let body: Value = response.json().await.ok()?;
        assert!([201, 409, 503].contains(&status), "{status} {body}");
        body["id"].as_str().map(str::to_owned)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_kept_for_a_day_and_then_cleaned_up() {
    let mut api = Api::start().await;
    let pool = api.database().await;
    let who = api.user().who;
    let first = create(&api.client(&who), "key", "One").await;
    sqlx::query("UPDATE idempotency_keys SET created_at = now() - interval '23 hours 59 minutes'")
        .execute(&pool)
        .await
        .expect("a day");
    let kept = create(&api.client(&who), "key", "One").await;
    assert_eq!((kept.status, &kept.body), (201, &first.body));
    // Too old, and not cleaned up yet: it does not count, and does not hinder.
    sqlx::query("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
        .execute(&pool)
        .await
        .expect("more than a day");
    let anew = create(&api.client(&who), "key", "Two").await;
    assert_eq!((anew.status, replayed(&anew)), (201, false), "{anew:?}");

    // More than one batch.
    sqlx::query(
        "INSERT INTO idempotency_keys
         SELECT user_id, operation, 'old' || number, fingerprint, status, headers, body,
                now() - interval '25 hours'
         FROM idempotency_keys, generate_series(1, 1200) AS number",
    )
    .execute(&pool)
    .await
    .expect("old keys");
    api.crash().await;
    api.restart().await;
    eventually("the old keys are gone", || async {
        (keys(&pool).await == 1).then_some(())
    })
    .await;
    assert!(replayed(&create(&api.client(&who), "key", "Two").await));
}

/// Keeps every key from being written, until it commits.
async fn held(pool: &PgPool) -> sqlx::pool::PoolConnection<sqlx::Postgres> {
    let mut connection = pool.acquire().await.expect("a connection");
    for statement in ["BEGIN", "LOCK TABLE idempotency_keys IN SHARE MODE"] {
        sqlx::query(statement)
            .execute(&mut *connection)
            .await
            .expect(statement);
    }
    connection
}

/// Waits until somebody waits for that.
async fn blocked(pool: &PgPool) {
    eventually("a request waits", || async {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_locks
             WHERE NOT granted AND relation = 'idempotency_keys'::regclass
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        .fetch_one(pool)
        .await
        .expect("pg_locks");
        (waiting > 0).then_some(())
    })
    .await;
}

async fn keys(pool: &PgPool) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM idempotency_keys");
    count.fetch_one(pool).await.expect("a count")
}

async fn tasks(pool: &PgPool) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM tasks");
    count.fetch_one(pool).await.expect("a count")
}
