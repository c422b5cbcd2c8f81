//! Export and import: there and back, hostile files, limits, memory.

use std::fmt::Write as _;

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Answer, Api, Client, answer};

const JSON: &str = "application/x-ndjson";
const CALENDAR: &str = "text/calendar";

async fn export(user: &Client<'_>, kind: &str) -> String {
    let request = user
        .request(Method::GET, "/v1/tasks/export")
        .header("accept", kind);
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    let is = response.headers()["content-type"].to_str().expect("text");
    assert!(is.starts_with(kind), "{is}");
    response.text().await.expect("a body")
}

async fn import(
    user: &Client<'_>,
    kind: &str,
    mode: &str,
    file: impl Into<reqwest::Body>,
) -> Answer {
    let request = user.request(Method::POST, &format!("/v1/tasks/import?mode={mode}"));
    answer(request.header("content-type", kind).body(file)).await
}

fn lines(file: &str) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).expect("JSON");
    file.lines().map(parse).collect()
}

/// Without what is another after an import.
fn alike(file: &str) -> Vec<String> {
    let others = ["UID", "DTSTAMP", "LAST-MODIFIED", "SEQUENCE"];
    let mut alike: Vec<String> = file.lines().map(str::to_owned).collect();
    alike.retain(|line| !others.iter().any(|name| line.starts_with(name)));
    for line in &mut alike {
        if let Ok(mut task) = serde_json::from_str::<Value>(line) {
            task.as_object_mut().map(|fields| fields.remove("id"));
            *line = task.to_string();
        }
    }
    alike
}

async fn collection(user: &Client<'_>) {
    for (index, body) in [
        json!({"title": "Bare"}),
        json!({"title": "Full, of; special: \\ \"things\" – äöü 😀", "description": "a\n\tb\\n;,:\n",
               "priority": "urgent", "tags": ["home", "shop-2"], "due_at": "2031-01-02T10:00:00+01:00",
               "reminders": [{"at": "2031-01-02T08:00:00Z"}, {"minutes_before_due": 15}],
               "recurrence": {"rule": "FREQ=WEEKLY;BYDAY=TH;COUNT=9", "exdates": ["2031-01-09T09:00:00Z"]},
               "time_zone": "Europe/Berlin"}),
        json!({"title": "x".repeat(200), "description": "ü".repeat(4000), "priority": "low"}),
        json!({"title": "Done", "due_at": "2001-01-01T00:00:00Z"}),
    ]
    .into_iter()
    .enumerate()
    {
        let task = user.create(body).await;
        if index == 3 {
            user.act(&task, "complete").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_can_be_imported_and_is_the_same() {
    let api = Api::start().await;
    for kind in [JSON, CALENDAR] {
        for mode in ["atomic", "lines"] {
            let (from, to) = (api.user(), api.user());
            collection(&from).await;
            let file = export(&from, kind).await;
            let report = import(&to, kind, mode, file.clone()).await;
            assert_eq!(report.status, 200, "{kind} {mode}: {report:?}");
            assert_eq!(report.body["created"], 4, "{kind} {mode}: {report:?}");
            assert_eq!(
                alike(&export(&to, kind).await),
                alike(&file),
                "{kind} {mode}"
            );

            // Once more is nothing new, neither there nor here.
            for user in [&to, &from] {
                let again = import(user, kind, mode, file.clone()).await.body;
                assert_eq!(
                    (&again["created"], &again["existing"]),
                    (&json!(0), &json!(4))
                );
            }
            // What was deleted can be brought back.
            let list = from.get("/v1/tasks?q=bare").await.body;
            from.delete(&list["items"][0]).await;
            let back = import(&from, kind, mode, file.clone()).await.body;
            assert_eq!(
                (&back["created"], &back["existing"]),
                (&json!(1), &json!(3))
            );
            assert_eq!(
                alike(&export(&from, kind).await),
                alike(&file),
                "{kind} {mode}"
            );
        }
    }
    assert_eq!(api.operations("create").await, 4.0 * (4.0 + 4.0 + 1.0));
    assert_eq!(api.used("import").await, 16.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_imported_task_is_told_in_an_event() {
    let api = Api::start().await;
    let user = api.user();
    let file = "{\"title\":\"one\"}\n\n{\"title\":\"two\",\"status\":\"completed\",\"reminders\":[{\"at\":\"2001-01-01T00:00:00Z\"}]}\n";
    let report = import(&user, JSON, "atomic", file).await.body;
    let results = report["results"].as_array().expect("results");
    assert_eq!(results.len(), 2);
    for (result, (line, title, status)) in results
        .iter()
        .zip([(1, "one", "open"), (3, "two", "completed")])
    {
        assert_eq!(
            (&result["line"], &result["status"]),
            (&json!(line), &json!(201))
        );
        let events = api.events(result).await;
        let [event] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert_eq!(event.header("ce_type"), "todo.task.created.v1");
        assert!(event.header("traceparent").starts_with("00-"));
        let task = &event.json()["task"];
        assert_eq!(
            (&task["title"], &task["status"]),
            (&json!(title), &json!(status))
        );
        assert_eq!(task["remind_at"], Value::Null, "it is over");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_file_has_an_error_for_each_line_and_changes_nothing_as_a_whole() {
    let api = Api::start().await;
    let user = api.user();
    let wrong = [
        ("nonsense", "", "malformed"),
        ("[1, 2]", "", "wrong_type"),
        ("{}", "title", "required"),
        ("{\"title\": 7}", "title", "wrong_type"),
        ("{\"title\": \"x\", \"nope\": 1}", "nope", "unknown_field"),
        (
            "{\"title\": \"x\", \"status\": \"lost\"}",
            "status",
            "unknown_value",
        ),
        (
            "{\"title\": \"x\", \"id\": 7, \"created_at\": {}}",
            "created_at",
            "malformed",
        ),
        ("{\"title\": \"a\\u0000b\"}", "title", "invalid_character"),
        (
            "{\"title\": \"x\", \"id\": \"a\\u0000b\"}",
            "id",
            "invalid_character",
        ),
        (
            "{\"title\": \"x\", \"status\": \"open\", \"completed_at\": \"2020-01-01T00:00:00Z\"}",
            "completed_at",
            "contradiction",
        ),
    ];
    let mut file = Vec::new();
    for (line, ..) in wrong {
        file.extend_from_slice(line.as_bytes());
        file.extend_from_slice(b"\n{\"title\": \"fine\"}\n");
    }
    let deep = "[".repeat(60_000);
    let long = format!("{{\"title\": \"{}\"}}", "x".repeat(70_000));
    file.extend_from_slice(format!("{deep}\n{long}\n").as_bytes());
    file.extend_from_slice(b"\xff\xfe\n{\"title\": \"last\"}");

    let report = import(&user, JSON, "lines", file.clone()).await;
    assert_eq!(report.status, 200, "{report:?}");
    assert_eq!(report.body["created"], 11);
    assert_eq!(report.body["failed"], 13);
    let results = report.body["results"].as_array().expect("results");
    for (index, (line, field, code)) in wrong.iter().enumerate() {
        let result = &results[index * 2];
        assert_eq!(result["line"], index * 2 + 1);
        assert_eq!(result["status"], 422, "{line}: {result}");
        let error = &result["problem"]["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&json!(field), &json!(code)),
            "{line}"
        );
    }
    let code = |index: usize| results[index]["problem"]["errors"][0]["code"].clone();
    assert_eq!(
        [code(20), code(21), code(22)],
        ["malformed", "too_long", "not_utf8"]
    );

    let stranger = api.user();
    let refused = import(&stranger, JSON, "atomic", file).await;
    assert_eq!(refused.problem(), (422, "validation_failed"));
    let errors = refused.body["errors"].as_array().expect("errors");
    assert_eq!(errors[0]["field"], "lines[1]");
    assert_eq!(errors[2]["field"], "lines[5].title");
    assert_eq!(errors.len(), 13);
    let file = "{\"title\": \"fine\"}\n".repeat(150) + "nonsense";
    let refused = import(&stranger, JSON, "atomic", file).await;
    assert_eq!(refused.body["errors"][0]["field"], "lines[151]");
    assert_eq!(stranger.get("/v1/tasks/counts").await.body["total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_have_limits_and_formats() {
    let api = Api::start().await;
    let user = api.user();
    let line = "{\"title\": \"x\"}\n";
    let many = line.repeat(5_001);
    let large = format!("{{\"title\": \"x\"}}{}\n", " ".repeat(60_000)).repeat(300);
    for (kind, mode, file, status, code) in [
        (
            "text/plain",
            "atomic",
            line.to_owned(),
            415,
            "unsupported_media_type",
        ),
        (JSON, "some", line.to_owned(), 422, "validation_failed"),
        (JSON, "atomic", many.clone(), 413, "too_many_tasks"),
        (JSON, "atomic", large.clone(), 413, "body_too_large"),
        (
            CALENDAR,
            "atomic",
            line.to_owned(),
            422,
            "validation_failed",
        ),
        (
            CALENDAR,
            "atomic",
            "BEGIN:VCALENDAR\nBEGIN:VTODO\nSUMMARY:x".to_owned(),
            422,
            "validation_failed",
        ),
    ] {
        let refused = import(&user, kind, mode, file).await;
        assert_eq!(refused.problem(), (status, code), "{kind} {mode}");
    }
    assert_eq!(user.get("/v1/tasks/counts").await.body["total"], 0);

    // Line by line, what came before the limit stays, and the report says so.
    let report = import(&user, JSON, "lines", many).await.body;
    assert_eq!(
        (&report["created"], &report["failed"]),
        (&json!(5_000), &json!(1))
    );
    assert_eq!(
        report["results"][5_000]["problem"]["code"],
        "too_many_tasks"
    );
    assert_eq!(user.get("/v1/tasks/counts").await.body["total"], 5_000);
    assert_eq!(lines(&export(&user, JSON).await).len(), 5_000);

    let get = |query: &str| {
        let request = user.request(Method::GET, &format!("/v1/tasks/export{query}"));
        answer(request.header("accept", "text/html"))
    };
    assert_eq!(get("").await.problem(), (406, "not_acceptable"));
    assert_eq!(
        get("?format=pdf").await.problem(),
        (422, "validation_failed")
    );
    assert_eq!(
        get("?status=lost").await.problem(),
        (422, "validation_failed")
    );
    let calendar = get("?format=ics&status=completed").await;
    assert_eq!(calendar.status, 200);
    assert!(calendar.headers["content-disposition"].contains("tasks.ics"));
}

/// 10,000 tasks of 4 KB each, which is about 40 MB.
const MANY: &str = "
    INSERT INTO tasks (id, user_id, title, description, priority, tags, version, created_at, updated_at)
    SELECT gen_random_uuid(), $1, 'task ' || n, repeat('words and ', 390), 1, '{}', 1,
           now() - n * interval '1 second', now()
    FROM generate_series(1, 10000) AS n";

#[tokio::test(flavor = "multi_thread")]
async fn an_export_takes_no_more_memory_the_longer_it_is() {
    let api = Api::start().await;
    let user = api.user();
    let pool = api.database().await;
    sqlx::query(MANY)
        .bind(user.who.id)
        .execute(&pool)
        .await
        .expect("rows");
    let before = api.memory().await;
    let mut most = before;
    let (mut bytes, mut count) = (0, 0);
    let request = user.request(Method::GET, "/v1/tasks/export");
    let mut body = request.send().await.expect("an answer").bytes_stream();
    while let Some(part) = body.next().await {
        let part = part.expect("all of it");
        bytes += part.len();
        let ends = part.iter().filter(|byte| **byte == b'\n').count();
        // Looked at now and then: also what waits for a slow reader is bounded.
        if (count + ends) / 1_000 > count / 1_000 {
            most = api.memory().await.max(most);
        }
        count += ends;
    }
    assert_eq!(count, 10_000);
    assert!(bytes > 40_000_000, "{bytes}");
    let mut report = String::new();
    _ = write!(report, "{bytes} bytes, memory from {before} to {most}");
    println!("{report}");
    assert!(most - before < 20e6, "{report}");
}
