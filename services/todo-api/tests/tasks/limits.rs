//! How much one user may send, and how large.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::json;
use testkit::eventually;

use super::client::{Api, answer, path};

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_too_much_is_told_when_to_go_on_and_others_are_not_held_up() {
    // One in a hundred seconds: no test takes that long.
    let api =
        Api::start_with(&[("RATE_LIMIT_PER_SECOND", "0.01"), ("RATE_LIMIT_BURST", "3")]).await;
    let user = api.user();
    for remaining in [2, 1, 0] {
        let fine = user.get("/v1/tasks").await;
        assert_eq!(fine.status, 200);
        assert_eq!(fine.headers["ratelimit-policy"], "\"user\";q=3;w=300");
        let standing = fine.headers["ratelimit"].as_str();
        assert!(
            standing.starts_with(&format!("\"user\";r={remaining};t=")),
            "{standing}"
        );
    }
    let refused = user.post("/v1/tasks", &json!({"title": "Too much"})).await;
    assert_eq!(refused.problem(), (429, "rate_limited"));
    let wait: u32 = refused.headers["retry-after"].parse().expect("seconds");
    assert!((90..=100).contains(&wait), "{wait}");
    assert_eq!(
        refused.headers["ratelimit"],
        format!("\"user\";r=0;t={wait}")
    );
    assert_eq!(refused.headers["ratelimit-policy"], "\"user\";q=3;w=300");
    assert!(refused.headers.contains_key("x-request-id"));

    assert_eq!(api.user().get("/v1/tasks").await.status, 200);
    let nobody = answer(api.request(Method::GET, "/v1/tasks")).await;
    assert_eq!(nobody.problem(), (401, "token_missing"));
    assert!(!nobody.headers.contains_key("ratelimit"));
    let document = api
        .request(Method::GET, "/openapi.json")
        .bearer_auth(&user.who.token);
    assert_eq!(answer(document).await.status, 200, "not under the limit");
    let limited = api.service().metrics().await;
    assert_eq!(limited.sum("http_requests_limited_total", &[]), 1.0);
    // The one that took the last, and the refused one.
    assert_eq!(limited.sum("http_requests_near_limit_total", &[]), 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_limit_nothing_is_said_of_one() {
    let api = Api::start_with(&[("RATE_LIMIT_PER_SECOND", "0")]).await;
    let user = api.user();
    let fine = user.get("/v1/tasks").await;
    assert_eq!(fine.status, 200);
    assert!(!fine.headers.contains_key("ratelimit"));
}

/// No task that is as documented is that large: one is made so in the database.
#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_too_large_an_event_is_refused_and_never_in_the_outbox() {
    let api = Api::start().await;
    let user = api.user();
    let task = user.titled("Grows").await;
    assert_eq!(api.events(&task).await.len(), 1);
    let pool = api.database().await;
    // What is written for this event would be told, whoever deletes it later.
    sqlx::raw_sql(
        "CREATE TABLE written (seq bigint);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN INSERT INTO written VALUES (NEW.seq); RETURN NEW; END $$;
         CREATE TRIGGER note AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION note()",
    )
    .execute(&pool)
    .await
    .expect("a note of each row");
    let grown = sqlx::query("UPDATE tasks SET time_zone = repeat('x', 1000000)");
    grown.execute(&pool).await.expect("a large task");

    let patch = json!({"title": "Grown"});
    for key in [None, Some("once")] {
        for request in [
            user.request(Method::PATCH, &path(&task)).json(&patch),
            user.request(Method::POST, &format!("{}/complete", path(&task))),
        ] {
            let request = match key {
                Some(key) => request.header("idempotency-key", key),
                None => request,
            };
            let refused = answer(request).await;
            assert_eq!(refused.problem(), (413, "task_too_large"), "{key:?}");
        }
    }
    let in_bulk = json!({"action": "complete", "tasks": [{"id": task["id"]}]});
    let in_bulk = user.post("/v1/tasks/bulk", &in_bulk).await;
    assert_eq!(in_bulk.body["results"][0]["status"], 413);
    let after = user.get(&path(&task)).await.body;
    assert_eq!(
        (&after["title"], &after["version"]),
        (&task["title"], &task["version"])
    );
    let written = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM written");
    assert_eq!(written.fetch_one(&pool).await.expect("a count"), 0);
    for operation in ["update", "complete"] {
        assert_eq!(api.operations(operation).await, 0.0, "{operation}");
    }

    // The relay goes on with what comes after it.
    let other = user.titled("Small").await;
    assert_eq!(api.events(&other).await.len(), 1);
    assert_eq!(api.events(&task).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_as_large_as_can_be_leaves_the_outbox() {
    let api = Api::start().await;
    let user = api.user();
    let tags: Vec<_> = (0..20).map(|number| format!("{number:0>32}")).collect();
    let days: Vec<_> = (1..=125).map(|day: u32| day.to_string()).collect();
    let rule = format!("FREQ=YEARLY;BYYEARDAY={}", days.join(","));
    assert!((400..=500).contains(&rule.len()), "{rule}");
    let first: DateTime<Utc> = "2099-01-01T12:00:00.123456Z".parse().expect("a moment");
    let exdates: Vec<_> = (1..=100).map(|day| first + TimeDelta::days(day)).collect();
    let reminders: Vec<_> = (0..10)
        .map(|hour| json!({"at": first - TimeDelta::hours(hour)}))
        .collect();
    let large = json!({
        // Four bytes each, and six: what JSON makes of it is longest.
        "title": "\u{1F9A9}".repeat(200),
        "description": "\u{1}".repeat(4000),
        "priority": "urgent",
        "tags": tags,
        "due_at": first,
        "reminders": reminders,
        "recurrence": {"rule": rule, "exdates": exdates},
        "time_zone": "America/Argentina/ComodRivadavia",
    });
    let task = user.create(large).await;
    let events = api.events(&task).await;
    assert_eq!(events.len(), 1);
    let size = events[0].body.as_ref().map_or(0, Vec::len);
    println!("the largest task is an event of {size} bytes");
    assert!(size < events::outbox::MAX_BODY_BYTES / 10, "{size}");
    let pending = || async { api.service().metrics().await.sum("outbox_pending", &[]) };
    eventually("nothing is pending", || async {
        (pending().await == 0.0).then_some(())
    })
    .await;
}
