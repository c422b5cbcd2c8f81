//! The business metrics, each from the work that it counts.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::eventually;

use super::client::{Api, answer, path};

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_and_every_feature_is_counted_once_for_its_use() {
    let api = Api::start().await;
    let user = api.user();
    let plain = user.titled("Plain").await;
    for (name, body) in [
        (
            "reminder",
            json!({"reminders": [{"at": "2099-01-01T00:00:00Z"}]}),
        ),
        ("tag", json!({"tags": ["home"]})),
        ("priority", json!({"priority": "high"})),
        ("due_date", json!({"due_at": "2099-01-01T00:00:00Z"})),
        ("time_zone", json!({"time_zone": "Europe/Berlin"})),
    ] {
        assert_eq!(api.used(name).await, 0.0, "{name}");
        let mut with: Value = body.clone();
        with["title"] = json!(name);
        let task = user.create(with).await;
        assert_eq!(api.used(name).await, 1.0, "{name} in a new task");
        let patched = user.patch(&plain, &body).await;
        assert_eq!(patched.status, 200, "{patched:?}");
        assert_eq!(api.used(name).await, 2.0, "{name} in a change");
        user.delete(&task).await;
    }
    for (name, query) in [
        ("filter", "status=open"),
        ("search", "q=pla"),
        ("sort", "sort=title"),
    ] {
        assert_eq!(api.used(name).await, 0.0, "{name}");
        user.titles(query).await;
        assert_eq!(api.used(name).await, 1.0, "{name}");
    }

    for name in ["export", "import"] {
        assert_eq!(api.used(name).await, 0.0, "{name}");
    }
    let file = user.request(Method::GET, "/v1/tasks/export").send().await;
    let file = file.expect("a file").text().await.expect("its text");
    let stranger = api.user();
    let import = |mode: &str, file: &str| {
        let path = format!("/v1/tasks/import?mode={mode}");
        let request = stranger.request(Method::POST, &path);
        let request = request.header("content-type", "application/x-ndjson");
        answer(request.body(file.to_owned()))
    };
    for mode in ["atomic", "lines"] {
        let imported = import(mode, &file).await;
        assert_eq!(imported.status, 200, "{imported:?}");
    }
    let refused = import("atomic", "no task").await;
    assert_eq!(refused.problem(), (422, "validation_failed"));
    assert_eq!(api.used("export").await, 1.0);
    assert_eq!(api.used("import").await, 3.0, "also what was refused");
    let created = api.operations("create").await;
    assert_eq!(created, 7.0, "one was there to export, and came once");
    stranger
        .delete(&stranger.get("/v1/tasks").await.body["items"][0])
        .await;

    user.act(&plain, "complete").await;
    user.act(&plain, "complete").await;
    user.act(&plain, "reopen").await;
    user.act(&plain, "complete").await;
    for (operation, count) in [
        ("create", 7.0),
        ("update", 5.0),
        ("delete", 6.0),
        ("complete", 2.0),
        ("reopen", 1.0),
    ] {
        assert_eq!(api.operations(operation).await, count, "{operation}");
    }
    let daily = json!({"title": "Open", "due_at": "2099-01-01T00:00:00Z", "recurrence": {"rule": "FREQ=DAILY"}});
    user.create(daily).await;
    assert_eq!(api.used("recurrence").await, 1.0);
    for (status, count) in [("open", 1.0), ("completed", 1.0)] {
        eventually(status, || async {
            (api.counted("tasks", "status", status).await == count).then_some(())
        })
        .await;
    }
    let gone = user.get(&path(&plain)).await;
    assert_eq!(gone.status, 200);
    let users = api.service().metrics().await.sum("active_users", &[]);
    assert_eq!(users, 2.0);
}
