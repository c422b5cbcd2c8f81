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
    assert_eq!(results(&added)[99], (422, Some("validation_failed")));
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
