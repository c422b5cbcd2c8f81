//! What older releases have left is there after the migrations, and goes on.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{SystemBuilder, Who};

use super::client::{Api, answer, path};

const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
const EVENTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../crates/events/migrations"
);

const PLANTS: &str = "019a0000-0000-7000-8000-000000000001";
const BOOK: &str = "019a0000-0000-7000-8000-000000000002";
const REMINDER: &str = "019a0000-0000-7000-8000-000000000003";
const SERIES: &str = "019a0000-0000-7000-8000-000000000004";

/// A database as it was, and whose it is.
async fn older(events: i64, own: i64) -> (SystemBuilder, PgPool, Who) {
    let parts = SystemBuilder::new().await;
    let database = parts.database("todo-api");
    database.migrate_to(EVENTS, events).await;
    database.migrate_to(OWN, own).await;
    let (pool, who) = (database.pool().await, parts.keys.user());
    (parts, pool, who)
}

async fn put(pool: &PgPool, sql: &'static str, who: &Who) {
    let put = sqlx::query(sql).bind(who.id).execute(pool).await;
    assert!(put.expect("rows").rows_affected() > 0);
}

/// One reminder for a task, no series, no search, no idempotency keys.
#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_the_first_release_keep_all_they_had_and_can_do_what_is_new() {
    let (parts, pool, who) = older(20_261_121_000_001, 20_261_121_100_001).await;
    put(
        &pool,
        "INSERT INTO tasks (id, user_id, title, description, priority, tags, due_at, remind_at,
                            time_zone, completed_at, version, created_at, updated_at)
         VALUES ('019a0000-0000-7000-8000-000000000001', $1, 'Water the plants', 'all e-plants', 2,
                 '{home}', '2031-01-02T09:00:00Z', '2031-01-02T08:00:00.25Z', 'Europe/Berlin', NULL,
                 3, '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'),
                ('019a0000-0000-7000-8000-000000000002', $1, 'Read', NULL, 1, '{}', NULL, NULL, NULL,
                 '2026-01-05T00:00:00Z', 2, '2026-01-04T00:00:00Z', '2026-01-05T00:00:00Z')",
        &who,
    )
    .await;
    // An event that had not left yet.
    put(
        &pool,
        "INSERT INTO outbox (id, topic, key, type, source, body)
         VALUES (gen_random_uuid(), 'todo.tasks.v1', '019a0000-0000-7000-8000-000000000002',
                 'todo.task.completed.v1', '/glasshouse/todo-api',
                 convert_to('{\"of\": \"' || $1::text || '\"}', 'UTF8'))",
        &who,
    )
    .await;
    let api = Api::start_on(parts, &[]).await;
    let user = api.client(&who);

    let plants = user.get(&format!("/v1/tasks/{PLANTS}")).await;
    assert_eq!((plants.status, &*plants.headers["etag"]), (200, "\"3\""));
    assert_eq!(
        plants.body,
        json!({
            "id": PLANTS, "title": "Water the plants", "description": "all e-plants",
            "status": "open", "priority": "high", "tags": ["home"],
            "due_at": "2031-01-02T09:00:00Z", "due_at_local": "2031-01-02T10:00:00+01:00",
            "time_zone": "Europe/Berlin", "recurrence": null, "version": 3,
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z",
            "completed_at": null,
            // Known by the task's id, as event-worker knows it.
            "reminders": [{
                "id": PLANTS, "at": "2031-01-02T08:00:00.250Z", "minutes_before_due": null,
                "fires_at": "2031-01-02T08:00:00.250Z",
                "fires_at_local": "2031-01-02T09:00:00.25+01:00", "snoozed": false,
            }],
        })
    );
    let book = user.get(&format!("/v1/tasks/{BOOK}")).await.body;
    assert_eq!(
        (&book["status"], &book["reminders"]),
        (&json!("completed"), &json!([]))
    );
    for (query, expected) in [
        ("", "Read|Water the plants"),
        ("q=plant", "Water the plants"),
        ("q=home&has_reminder=true", "Water the plants"),
        ("recurring=false&status=completed", "Read"),
        ("sort=due", "Water the plants|Read"),
    ] {
        assert_eq!(user.titles(query).await.join("|"), expected, "{query}");
    }

    let daily = json!({"recurrence": {"rule": "FREQ=DAILY"}});
    let repeats = user
        .request(Method::PATCH, &path(&plants.body))
        .json(&daily);
    let repeats = repeats.header("if-match", "\"3\"");
    let repeats = answer(repeats.header("idempotency-key", "new")).await;
    assert_eq!((repeats.status, &repeats.body["version"]), (200, &json!(4)));
    assert_eq!(repeats.body["reminders"], plants.body["reminders"]);
    user.act(&repeats.body, "complete").await;
    assert_eq!(user.titles("recurring=true&q=plant").await.len(), 2);

    let told = api.published().await;
    let old = told.iter().find(|event| event.key.as_deref() == Some(BOOK));
    let old = old.expect("the event of the older release");
    assert_eq!(old.json()["of"], who.id.to_string());
    assert_eq!(old.header("ce_type"), "todo.task.completed.v1");
    let told = api.events(&plants.body).await;
    let told: Vec<_> = told.iter().map(|event| event.header("ce_type")).collect();
    assert_eq!(told, ["todo.task.updated.v1", "todo.task.completed.v1"]);
}

/// Before there was search and import.
#[tokio::test(flavor = "multi_thread")]
async fn a_series_of_an_older_release_goes_on_and_is_found() {
    let (parts, pool, who) = older(20_261_121_000_003, 20_261_121_101_001).await;
    put(
        &pool,
        r#"INSERT INTO tasks (id, user_id, title, priority, tags, due_at, reminders, time_zone,
                              recurrence, version, created_at, updated_at)
           VALUES ('019a0000-0000-7000-8000-000000000001', $1, 'Bins out late', 1, '{home}',
                   '2031-03-23T20:00:00Z',
                   '[{"id": "019a0000-0000-7000-8000-000000000003", "snoozed": false,
                      "when": {"minutes_before_due": 60}, "fires_at": "2031-03-23T19:00:00Z"}]',
                   'Europe/Berlin',
                   '{"series_id": "019a0000-0000-7000-8000-000000000004",
                     "rule": "FREQ=WEEKLY;BYDAY=SU;COUNT=9", "exdates": ["2031-03-30T17:00:00Z"],
                     "zone": "Europe/Berlin", "nominal": "2031-03-23T19:00:00", "number": 4,
                     "next": null,
                     "template": {"title": "Bins out", "description": null, "priority": 1,
                                  "tags": ["home"], "time_zone": "Europe/Berlin"}}',
                   7, '2031-03-16T18:00:00Z', '2031-03-16T18:00:00Z')"#,
        &who,
    )
    .await;
    put(
        &pool,
        "INSERT INTO idempotency_keys VALUES
         ($1, 'POST /v1/tasks', 'key', '\\x00', 201, '[]', '', now())",
        &who,
    )
    .await;
    let api = Api::start_on(parts, &[]).await;
    let user = api.client(&who);
    assert_eq!(
        user.titles("q=late&recurring=true").await,
        ["Bins out late"]
    );
    let first = user.get(&format!("/v1/tasks/{PLANTS}")).await.body;
    assert_eq!(first["recurrence"]["number"], 4);
    assert_eq!(first["reminders"][0]["id"], REMINDER);

    let done = user.act(&first, "complete").await.body;
    let next = done["recurrence"]["next_task_id"].as_str();
    let next = next.expect("the next occurrence");
    let next = user.get(&format!("/v1/tasks/{next}")).await.body;
    assert_eq!(next["title"], "Bins out", "as the series is");
    // The exception is left out; clocks have gone forward.
    assert_eq!(next["due_at"], "2031-04-06T17:00:00Z");
    assert_eq!(next["reminders"][0]["fires_at"], "2031-04-06T16:00:00Z");
    assert_eq!(
        (
            &next["recurrence"]["series_id"],
            &next["recurrence"]["number"]
        ),
        (&json!(SERIES), &json!(6))
    );
    // A key that was used before is still used.
    let again = user.request(Method::POST, "/v1/tasks");
    let again = again.header("idempotency-key", "key");
    let again = answer(again.json(&json!({"title": "Another"}))).await;
    assert_eq!(again.problem(), (422, "idempotency_key_reused"));
    // What is there is not imported once more.
    let file = user.request(Method::GET, "/v1/tasks/export").send().await;
    let file = file.expect("a file").text().await.expect("its text");
    let import = user.request(Method::POST, "/v1/tasks/import");
    let import = import.header("content-type", "application/x-ndjson");
    let report = answer(import.body(file)).await;
    assert_eq!(report.body["existing"], 2, "{report:?}");
    assert_eq!(report.body["created"], Value::from(0));
}
