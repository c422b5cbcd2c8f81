//! One change to many tasks.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::client::{Answer, Api, Client, path};

async fn bulk(user: &Client<'_>, action: &str, tasks: &[Value]) -> Answer {
    let body = json!({"action": action, "tasks": tasks});
    user.post("/v1/tasks/bulk", &body).await
}

/// Status and problem code of each result.
fn results(answer: &Answer) -> Vec<(u64, Option<&str>)> {
    assert_eq!(answer.status, 207, "{answer:?}");
    let results = answer.body["results"].as_array().expect("results");
    let result = |result: &'_ Value| -> u64 { result["status"].as_u64().expect("a status") };
    results
        .iter()
        .map(|item| (result(item), item["problem"]["code"].as_str()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_task_has_a_result_of_its_own_and_each_change_its_event() {
    let api = Api::start().await;
    let (user, other) = (api.user(), api.user());
    let first = user.titled("first").await;
    let second = user.titled("second").await;
    let theirs = other.titled("theirs").await;
    let stale = user.titled("stale").await;
    let answer = bulk(
        &user,
        "complete",
        &[
            json!({"id": first["id"]}),
            json!({"id": theirs["id"]}),
            json!({"id": stale["id"], "if_match": "\"7\""}),
            json!({"id": second["id"], "if_match": "\"1\""}),
        ],
    )
    .await;
    assert_eq!(
        results(&answer),
        [
            (200, None),
            (404, Some("task_not_found")),
            (412, Some("version_mismatch")),
            (200, None)
        ]
    );
    assert_eq!(answer.body["succeeded"], 2);
    assert_eq!(answer.body["failed"], 2);
    assert_eq!(answer.body["results"][0]["version"], 2);
    assert_eq!(answer.body["results"][1]["problem"]["status"], 404);
    assert_eq!(user.titles("status=completed").await, ["second", "first"]);
    assert_eq!(other.get(&path(&theirs)).await.body, theirs);

    // Once more is nothing to do; then the other way.
    let again = bulk(&user, "complete", &[json!({"id": first["id"]})]).await;
    assert_eq!(again.body["results"][0]["version"], 2);
    let reopened = bulk(&user, "reopen", &[json!({"id": first["id"]})]).await;
    assert_eq!(reopened.body["results"][0]["version"], 3);
    let deleted = bulk(
        &user,
        "delete",
        &[json!({"id": first["id"]}), json!({"id": stale["id"]})],
    )
    .await;
    assert_eq!(results(&deleted), [(204, None), (204, None)]);
    assert_eq!(user.titles("").await, ["second"]);

    let events = api.events(&first).await;
    let kinds: Vec<_> = events.iter().map(|event| event.header("ce_type")).collect();
    assert_eq!(
        kinds,
        [
            "todo.task.created.v1",
            "todo.task.completed.v1",
            "todo.task.reopened.v1",
            "todo.task.deleted.v1"
        ]
    );
    assert_eq!(api.operations("complete").await, 2.0);
    assert_eq!(api.operations("delete").await, 2.0);
    assert_eq!(api.used("bulk").await, 4.0);
}

/// Of a series, each occurrence that ends makes the next, in bulk as alone.
#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_a_series_go_on_when_they_are_completed_or_deleted_in_bulk() {
    let api = Api::start().await;
    let user = api.user();
    let mut series = Vec::new();
    for title in ["bins", "plants"] {
        let body = json!({
            "title": title, "due_at": "2031-01-01T09:00:00Z", "tags": ["home"],
            "recurrence": {"rule": "FREQ=DAILY;COUNT=3"},
            "reminders": [{"minutes_before_due": 10}],
        });
        series.push(user.create(body).await);
    }
    let once = user.titled("once").await;
    let all = |tasks: &[&Value]| -> Vec<Value> {
        tasks.iter().map(|task| json!({"id": task["id"]})).collect()
    };
    let open = || async {
        let list = user.get("/v1/tasks?status=open&sort=title").await.body;
        let items = list["items"].as_array().expect("items").clone();
        items
            .into_iter()
            .filter(|task| task["recurrence"].is_object())
            .collect::<Vec<_>>()
    };

    let done = bulk(&user, "complete", &all(&[&series[0], &once, &series[1]])).await;
    assert_eq!(results(&done), [(200, None); 3]);
    assert_eq!(
        user.titles("recurring=true&status=completed").await.len(),
        2
    );
    let second = open().await;
    assert_eq!(
        titled_and_due(&second),
        ["bins 2031-01-02", "plants 2031-01-02"]
    );
    for (task, before) in second.iter().zip(&series) {
        assert_eq!(task["recurrence"]["number"], 2);
        let id = &before["recurrence"]["series_id"];
        assert_eq!(&task["recurrence"]["series_id"], id);
        assert_eq!(task["reminders"].as_array().map(Vec::len), Some(1));
    }

    // A tag is of this one: the next is as the series is.
    let body =
        json!({"action": "add_tag", "tag": "urgent", "tasks": all(&[&second[0], &second[1]])});
    let tagged = user.post("/v1/tasks/bulk", &body).await;
    assert_eq!(results(&tagged), [(200, None); 2]);
    assert_eq!(user.titles("tags_all=home,urgent").await.len(), 2);

    // The same task twice is deleted once, and has one follower.
    let tasks = all(&[&second[0], &second[0], &second[1]]);
    let deleted = bulk(&user, "delete", &tasks).await;
    assert_eq!(
        results(&deleted),
        [(204, None), (404, Some("task_not_found")), (204, None)]
    );
    let third = open().await;
    assert_eq!(
        titled_and_due(&third),
        ["bins 2031-01-03", "plants 2031-01-03"]
    );
    for task in &third {
        assert_eq!(task["tags"], json!(["home"]));
    }

    // With the last one a series ends.
    let done = bulk(&user, "complete", &all(&[&third[0], &third[1]])).await;
    assert_eq!(results(&done), [(200, None); 2]);
    assert!(open().await.is_empty());
    assert_eq!(user.titles("recurring=true").await.len(), 4);

    let kinds = |events: Vec<testkit::Record>| -> Vec<String> {
        events.iter().map(|event| event.header("ce_type")).collect()
    };
    assert_eq!(
        kinds(api.events(&second[0]).await),
        ["created", "updated", "deleted"].map(|kind| format!("todo.task.{kind}.v1"))
    );
    // Two, once, and two times two that followed.
    assert_eq!(api.operations("create").await, 7.0);
    assert_eq!(api.operations("complete").await, 5.0);
    assert_eq!(api.operations("delete").await, 2.0);
}

fn titled_and_due(tasks: &[Value]) -> Vec<String> {
    let text = |task: &Value, field: &str| task[field].as_str().expect("a text").to_owned();
    tasks
        .iter()
        .map(|task| format!("{} {}", text(task, "title"), &text(task, "due_at")[..10]))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_tasks_get_a_tag_and_lose_it_and_one_more_is_too_many() {
    let api = Api::start().await;
    let user = api.user();
    let mut tasks = Vec::new();
    for number in 0..99 {
        let task = user
            .create(json!({"title": format!("task {number}"), "tags": ["old"]}))
            .await;
        tasks.push(json!({"id": task["id"]}));
    }
    let full: Vec<_> = (0..20).map(|number| format!("t{number}")).collect();
    let full = user.create(json!({"title": "full", "tags": full})).await;
    tasks.push(json!({"id": full["id"]}));

    let body = json!({"action": "add_tag", "tag": "new", "tasks": tasks});
    let added = user.post("/v1/tasks/bulk", &body).await;
    let statuses: HashSet<_> = results(&added)[..99].iter().copied().collect();
    assert_eq!(statuses, HashSet::from([(200, None)]));
    assert_eq!(results(&added)[99], (409, Some("conflict")));
    let counts = user.get("/v1/tasks/counts?tags_all=old,new").await.body;
    assert_eq!(counts["total"], 99);

    let body = json!({"action": "remove_tag", "tag": "old", "tasks": tasks});
    assert_eq!(
        user.post("/v1/tasks/bulk", &body).await.body["succeeded"],
        100
    );
    let counts = user.get("/v1/tasks/counts?tags_any=old").await.body;
    assert_eq!(counts["total"], 0);
    assert_eq!(api.operations("update").await, 198.0, "one had no such tag");

    tasks.push(json!({"id": "67e55044-10b1-426f-9247-bb680e5fe0c8"}));
    let refused = bulk(&user, "delete", &tasks).await;
    assert_eq!(refused.problem(), (422, "validation_failed"));
    assert_eq!(user.get("/v1/tasks/counts").await.body["total"], 100);
}
