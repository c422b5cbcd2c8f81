//! One task, from its creation to its end.

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Api, Client, answer, path};

const FULL: &str = r#"{
    "title": "  Buy milk ", "description": "two litres", "priority": "high",
    "tags": ["home", "shop", "home"], "due_at": "2031-01-02T10:00:00+01:00",
    "reminders": [{"at": "2031-01-02T08:00:00Z"}, {"minutes_before_due": 30}],
    "time_zone": "europe/berlin"
}"#;

fn full() -> Value {
    serde_json::from_str(FULL).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_task_is_answered_with_its_place_and_version_and_reads_the_same() {
    let api = Api::start().await;
    let user = api.user();
    let created = user.post("/v1/tasks", &full()).await;
    assert_eq!(created.status, 201, "{created:?}");
    let task = &created.body;
    assert_eq!(created.headers["location"], path(task));
    assert_eq!(created.headers["etag"], "\"1\"");
    for (field, value) in [
        ("title", json!("Buy milk")),
        ("description", json!("two litres")),
        ("priority", json!("high")),
        ("tags", json!(["home", "shop"])),
        ("due_at", json!("2031-01-02T09:00:00Z")),
        ("due_at_local", json!("2031-01-02T10:00:00+01:00")),
        ("time_zone", json!("Europe/Berlin")),
        ("status", json!("open")),
        ("version", json!(1)),
        ("completed_at", Value::Null),
    ] {
        assert_eq!(task[field], value, "{field}");
    }
    assert_eq!(task["created_at"], task["updated_at"]);
    assert!(task.get("user_id").is_none(), "{task}");

    let read = user.get(&created.headers["location"]).await;
    assert_eq!((read.status, &read.body), (200, task));
    assert_eq!(read.headers["etag"], created.headers["etag"]);

    let bare = user.titled("Rest").await;
    assert_eq!(bare["priority"], "normal");
    assert_eq!(bare["tags"], json!([]));
    assert!(bare["description"].is_null() && bare["due_at"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_leaves_what_is_absent_clears_what_is_null_and_sets_values() {
    let api = Api::start().await;
    let user = api.user();
    let task = user.create(full()).await;

    let empty = user.patch(&task, &json!({})).await;
    assert_eq!((empty.status, &empty.body), (200, &task), "nothing to do");
    assert_eq!(empty.headers["etag"], "\"1\"");

    let patched = user
        .patch(
            &task,
            &json!({"title": "Buy oat milk", "description": null}),
        )
        .await;
    assert_eq!(patched.status, 200, "{patched:?}");
    assert_eq!(patched.headers["etag"], "\"2\"");
    let mut expected = task.clone();
    expected["title"] = json!("Buy oat milk");
    expected["description"] = Value::Null;
    expected["version"] = json!(2);
    expected["updated_at"] = patched.body["updated_at"].clone();
    assert_eq!(patched.body, expected);

    let cleared = json!({"due_at": null, "time_zone": null, "tags": [], "priority": "low"});
    let cleared = user.patch(&task, &cleared).await.body;
    for field in ["due_at", "due_at_local", "time_zone"] {
        assert!(cleared[field].is_null(), "{field}: {cleared}");
    }
    assert_eq!(
        (&cleared["tags"], &cleared["priority"]),
        (&json!([]), &json!("low"))
    );
    assert_eq!(user.get(&path(&task)).await.body, cleared);

    let refused = user
        .patch(
            &task,
            &json!({"title": null, "priority": null, "tags": null}),
        )
        .await;
    assert_eq!(refused.problem(), (422, "validation_failed"));
    let errors = refused.body["errors"].as_array().expect("errors");
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors.iter().all(|error| error["code"] == "not_nullable"));

    let changes: Vec<String> = changes(&api, &task).await;
    assert_eq!(changes, ["created", "updated", "updated"]);
    assert_eq!(api.operations("update").await, 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_version_changes_nothing() {
    let api = Api::start().await;
    let user = api.user();
    let task = user.titled("Contested").await;
    let first =
        with_etag(&user, Method::PATCH, &path(&task), "\"1\"").json(&json!({"title": "Mine"}));
    assert_eq!(answer(first).await.status, 200);

    let second =
        with_etag(&user, Method::PATCH, &path(&task), "\"1\"").json(&json!({"title": "No, mine"}));
    assert_eq!(answer(second).await.problem(), (412, "version_mismatch"));
    for (method, path) in [
        (Method::DELETE, path(&task)),
        (Method::POST, format!("{}/complete", path(&task))),
        (Method::POST, format!("{}/reopen", path(&task))),
    ] {
        for stale in ["\"1\"", "\"3\"", "W/\"2\"", "\"two\""] {
            let refused = answer(with_etag(&user, method.clone(), &path, stale)).await;
            assert_eq!(
                refused.problem(),
                (412, "version_mismatch"),
                "{method} {path} {stale}"
            );
        }
    }
    let read = user.get(&path(&task)).await;
    assert_eq!(read.body["title"], "Mine");
    assert_eq!(read.body["version"], 2);

    let any = answer(with_etag(&user, Method::DELETE, &path(&task), "*")).await;
    assert_eq!(any.status, 204);
    assert_eq!(
        changes(&api, &task).await,
        ["created", "updated", "deleted"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_this_version_is_not_sent_it_again() {
    let api = Api::start().await;
    let user = api.user();
    let task = user.titled("Known").await;
    let read = |known: &str| {
        let request = user.request(Method::GET, &path(&task));
        answer(request.header("if-none-match", known))
    };
    for known in ["\"1\"", "W/\"1\"", "\"7\", \"1\"", "*"] {
        let same = read(known).await;
        assert_eq!((same.status, &same.body), (304, &Value::Null), "{known}");
        assert_eq!(same.headers["etag"], "\"1\"");
    }
    user.act(&task, "complete").await;
    let changed = read("\"1\"").await;
    assert_eq!((changed.status, &changed.body["version"]), (200, &json!(2)));
    assert_eq!(changed.headers["etag"], "\"2\"");
    let stranger = api.user();
    let request = stranger.request(Method::GET, &path(&task));
    let theirs = answer(request.header("if-none-match", "*")).await;
    assert_eq!(theirs.problem(), (404, "task_not_found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_writers_who_name_the_same_version_exactly_one_succeeds() {
    let api = Api::start().await;
    let user = api.user();
    let task = user.titled("Contested").await;
    let writers = (0..12).map(|number| {
        let request = with_etag(&user, Method::PATCH, &path(&task), "\"1\"");
        tokio::spawn(answer(
            request.json(&json!({"title": format!("Writer {number}")})),
        ))
    });
    let mut statuses = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        statuses.push(writer.await.expect("an answer").status);
    }
    let succeeded = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(succeeded, 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 412].contains(status)));

    // Who names none is queued: every change happens, on top of the others.
    let writers = (0..12).map(|number| {
        let request = user.request(Method::PATCH, &path(&task));
        tokio::spawn(answer(
            request.json(&json!({"title": format!("Queued {number}")})),
        ))
    });
    for writer in writers.collect::<Vec<_>>() {
        assert_eq!(writer.await.expect("an answer").status, 200);
    }
    assert_eq!(user.get(&path(&task)).await.body["version"], 14);
    let events = api.events(&task).await;
    let versions: Vec<_> = events
        .iter()
        .map(|event| event.json()["task"]["version"].clone())
        .collect();
    assert_eq!(
        versions,
        (1..=14).map(|version| json!(version)).collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn completing_and_reopening_twice_is_doing_it_once() {
    let api = Api::start().await;
    let user = api.user();
    let task = user.titled("Finish").await;

    let completed = user.act(&task, "complete").await;
    assert_eq!(
        (completed.status, &completed.body["status"]),
        (200, &json!("completed"))
    );
    assert!(completed.body["completed_at"].is_string());
    let again = user.act(&task, "complete").await;
    assert_eq!((again.status, &again.body), (200, &completed.body));
    assert_eq!(again.headers["etag"], "\"2\"");
    assert_eq!(api.operations("complete").await, 1.0);

    let reopened = user.act(&task, "reopen").await;
    assert_eq!(
        (reopened.status, &reopened.body["status"]),
        (200, &json!("open"))
    );
    assert!(reopened.body["completed_at"].is_null());
    let again = user.act(&task, "reopen").await;
    assert_eq!(again.body, reopened.body);
    assert_eq!(api.operations("reopen").await, 1.0);
    assert_eq!(
        changes(&api, &task).await,
        ["created", "completed", "reopened"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_task_is_gone() {
    let api = Api::start().await;
    let user = api.user();
    let task = user.titled("Forget").await;
    let deleted = user.delete(&task).await;
    assert_eq!((deleted.status, &deleted.body), (204, &Value::Null));
    assert_eq!(
        user.get(&path(&task)).await.problem(),
        (404, "task_not_found")
    );
    assert_eq!(user.delete(&task).await.problem(), (404, "task_not_found"));
    assert!(user.titles("").await.is_empty());
    assert_eq!(api.operations("delete").await, 1.0);
    assert_eq!(changes(&api, &task).await, ["created", "deleted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_s_task_does_not_exist() {
    let api = Api::start().await;
    let (owner, stranger) = (api.user(), api.user());
    let task = owner.titled("Private").await;
    let answers = [
        stranger.get(&path(&task)).await,
        stranger.patch(&task, &json!({"title": "Stolen"})).await,
        stranger.act(&task, "complete").await,
        stranger.act(&task, "reopen").await,
        stranger.delete(&task).await,
    ];
    for answer in &answers {
        assert_eq!(answer.problem(), (404, "task_not_found"), "{answer:?}");
    }
    assert!(stranger.titles("").await.is_empty());
    assert_eq!(owner.get(&path(&task)).await.body, task);
    assert_eq!(changes(&api, &task).await, ["created"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_told_with_the_task_as_it_is_after_it() {
    let api = Api::start().await;
    let user = api.user();
    let task = user.create(full()).await;
    user.patch(&task, &json!({"title": "Buy oat milk"})).await;
    user.act(&task, "complete").await;
    user.act(&task, "reopen").await;
    user.delete(&task).await;

    let events = api.events(&task).await;
    let expected = [
        ("created", 1, "open", "Buy milk"),
        ("updated", 2, "open", "Buy oat milk"),
        ("completed", 3, "completed", "Buy oat milk"),
        ("reopened", 4, "open", "Buy oat milk"),
        ("deleted", 5, "open", "Buy oat milk"),
    ];
    assert_eq!(events.len(), expected.len(), "{events:#?}");
    let mut ids = Vec::new();
    for (event, (change, version, status, title)) in events.iter().zip(expected) {
        assert_eq!(event.header("ce_type"), format!("todo.task.{change}.v1"));
        assert_eq!(event.header("ce_specversion"), "1.0");
        assert_eq!(event.header("ce_source"), "/glasshouse/todo-api");
        assert_eq!(event.header("content-type"), "application/json");
        assert!(event.header("traceparent").starts_with("00-"), "{event:?}");
        let body = event.json();
        assert_eq!(body["change"], change);
        let told = &body["task"];
        assert_eq!(told["user_id"], json!(user.who.id));
        assert_eq!(
            (&told["version"], &told["status"]),
            (&json!(version), &json!(status))
        );
        assert_eq!(told["title"], title);
        assert_eq!(told["remind_at"], task["reminders"][0]["fires_at"]);
        assert_eq!(told["time_zone"], "Europe/Berlin");
        assert!(
            told.get("description").is_none(),
            "more than a consumer needs: {told}"
        );
        ids.push(event.header("ce_id"));
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), expected.len(), "each event has an id of its own");
}

fn with_etag(user: &Client<'_>, method: Method, path: &str, etag: &str) -> reqwest::RequestBuilder {
    user.request(method, path).header("if-match", etag)
}

async fn changes(api: &Api, task: &Value) -> Vec<String> {
    let events = api.events(task).await;
    let change = |event: &testkit::Record| {
        event.json()["change"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    events.iter().map(change).collect()
}
