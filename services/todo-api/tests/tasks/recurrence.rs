//! Tasks that repeat: the next occurrence comes with the end of the one before.

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Answer, Api, Client, answer, path};

async fn weekly(user: &Client<'_>) -> Value {
    user.create(json!({
        "title": "Bins out", "priority": "high", "tags": ["home"],
        // A Sunday; clocks go forward on the last one of March.
        "due_at": "2031-03-23T18:00:00Z", "time_zone": "Europe/Berlin",
        "recurrence": {"rule": "freq=weekly;byday=su", "exdates": ["2031-04-06T17:00:00Z"]},
        "reminders": [{"minutes_before_due": 60}, {"at": "2031-03-20T08:00:00Z"}],
    }))
    .await
}

/// The occurrence after one that is done.
async fn next(user: &Client<'_>, done: &Value) -> Value {
    let id = done["recurrence"]["next_task_id"].as_str();
    let next = user
        .get(&format!("/v1/tasks/{}", id.expect("a next one")))
        .await;
    assert_eq!(next.status, 200, "{next:?}");
    next.body
}

fn scoped(user: &Client<'_>, method: Method, task: &Value, scope: &str) -> reqwest::RequestBuilder {
    user.request(method, &format!("{}?scope={scope}", path(task)))
}

async fn patch(user: &Client<'_>, task: &Value, scope: &str, body: Value) -> Answer {
    answer(scoped(user, Method::PATCH, task, scope).json(&body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn completing_an_occurrence_makes_the_next_with_its_event_and_reminders() {
    let api = Api::start().await;
    let user = api.user();
    let first = weekly(&user).await;
    let series = &first["recurrence"];
    assert_eq!(series["rule"], "FREQ=WEEKLY;BYDAY=SU");
    assert_eq!(
        (&series["number"], &series["next_task_id"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(series["time_zone"], "Europe/Berlin");

    let done = user.act(&first, "complete").await.body;
    let second = next(&user, &done).await;
    for field in ["title", "priority", "tags", "time_zone"] {
        assert_eq!(second[field], first[field], "{field}");
    }
    assert_eq!(
        (&second["status"], &second["version"]),
        (&json!("open"), &json!(1))
    );
    // The same hour on the wall, another one in UTC.
    assert_eq!(second["due_at"], "2031-03-30T17:00:00Z");
    assert_eq!(second["due_at_local"], "2031-03-30T19:00:00+02:00");
    assert_eq!(second["recurrence"]["series_id"], series["series_id"]);
    assert_eq!(second["recurrence"]["number"], 2);
    let reminders = second["reminders"].as_array().expect("reminders");
    assert_eq!(reminders.len(), 1, "the moment was for the first only");
    assert_eq!(reminders[0]["fires_at"], "2031-03-30T16:00:00Z");
    assert_ne!(reminders[0]["id"], first["reminders"][0]["id"]);

    // Once: neither again, nor after a change of mind.
    assert_eq!(user.act(&first, "complete").await.body, done);
    user.act(&first, "reopen").await;
    let again = user.act(&first, "complete").await.body;
    assert_eq!(again["recurrence"], done["recurrence"]);
    assert_eq!(user.titles("status=open").await, ["Bins out"]);

    // The exception is left out.
    let done = user.act(&second, "complete").await.body;
    let third = next(&user, &done).await;
    assert_eq!(third["due_at"], "2031-04-13T17:00:00Z");
    assert_eq!(third["recurrence"]["number"], 4);

    let events = api.events(&second).await;
    let told: Vec<_> = events.iter().map(|event| event.header("ce_type")).collect();
    assert_eq!(told, ["todo.task.created.v1", "todo.task.completed.v1"]);
    let task = &events[0].json()["task"];
    assert_eq!(task["series"]["number"], 2);
    assert_eq!(task["series"]["id"], series["series_id"]);
    assert_eq!(task["reminders"].as_array().map(Vec::len), Some(1));
    assert_eq!(api.operations("create").await, 3.0);
    assert_eq!(api.used("recurrence").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_who_complete_it_at_once_one_makes_the_next() {
    let api = Api::start().await;
    let user = api.user();
    let task = weekly(&user).await;
    let complete = format!("{}/complete", path(&task));
    let all = (0..8).map(|_| tokio::spawn(answer(user.request(Method::POST, &complete))));
    let mut nexts = Vec::new();
    for one in all.collect::<Vec<_>>() {
        let done = one.await.expect("an answer");
        assert_eq!(done.status, 200, "{done:?}");
        nexts.push(done.body["recurrence"]["next_task_id"].to_string());
    }
    nexts.dedup();
    assert_eq!(nexts.len(), 1, "{nexts:?}");
    assert_eq!(user.titles("").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_of_this_one_or_of_this_and_following() {
    let api = Api::start().await;
    let user = api.user();
    let first = weekly(&user).await;
    let other = json!({"title": "Bins out late", "due_at": "2031-03-23T21:00:00Z"});
    let edited = patch(&user, &first, "this", other.clone()).await;
    assert_eq!(
        (edited.status, &edited.body["title"]),
        (200, &other["title"])
    );
    assert_eq!(
        edited.body["reminders"][0]["fires_at"],
        "2031-03-23T20:00:00Z"
    );
    let done = user.act(&first, "complete").await.body;
    let second = next(&user, &done).await;
    assert_eq!(second["title"], "Bins out");
    assert_eq!(second["due_at"], "2031-03-30T17:00:00Z");

    let other = json!({"title": "Boxes out", "due_at": "2031-03-30T19:00:00Z"});
    assert_eq!(patch(&user, &second, "following", other).await.status, 200);
    let done = user.act(&second, "complete").await.body;
    let third = next(&user, &done).await;
    assert_eq!(third["title"], "Boxes out");
    // An exception is a moment: it is no occurrence any more.
    assert_eq!(third["due_at"], "2031-04-06T19:00:00Z");

    // The first and second speak for nobody any more.
    for (method, task) in [(Method::PATCH, &first), (Method::DELETE, &second)] {
        let request = scoped(&user, method, task, "following");
        let refused = answer(request.json(&json!({"title": "x"}))).await;
        assert_eq!(refused.problem(), (409, "conflict"));
        assert_eq!(refused.body["errors"][0]["code"], "not_the_last");
    }

    let rule = json!({"recurrence": {"rule": "FREQ=DAILY;COUNT=2"}});
    let refused = patch(&user, &third, "this", rule.clone()).await;
    assert_eq!(refused.body["errors"][0]["code"], "must_be_following");
    let changed = patch(&user, &third, "following", rule).await.body;
    assert_eq!(changed["recurrence"]["number"], 1);
    assert_eq!(
        changed["recurrence"]["series_id"],
        first["recurrence"]["series_id"]
    );
    let done = user.act(&third, "complete").await.body;
    let fourth = next(&user, &done).await;
    assert_eq!(fourth["due_at"], "2031-04-07T19:00:00Z");
    let last = user.act(&fourth, "complete").await.body;
    assert!(last["recurrence"]["next_task_id"].is_null(), "{last}");
    assert!(user.titles("status=open").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_of_this_one_or_of_this_and_following() {
    let api = Api::start().await;
    let user = api.user();
    let first = weekly(&user).await;
    assert_eq!(user.delete(&first).await.status, 204);
    let rest = user.get("/v1/tasks").await.body;
    let [second] = &rest["items"].as_array().expect("items")[..] else {
        panic!("the next one: {rest}")
    };
    assert_eq!(second["due_at"], "2031-03-30T17:00:00Z");
    let told = |events: Vec<testkit::Record>| -> Vec<String> {
        events.iter().map(|event| event.header("ce_type")).collect()
    };
    assert_eq!(
        told(api.events(&first).await),
        ["todo.task.created.v1", "todo.task.deleted.v1"]
    );
    assert_eq!(told(api.events(second).await), ["todo.task.created.v1"]);

    let all = answer(scoped(&user, Method::DELETE, second, "following")).await;
    assert_eq!(all.status, 204);
    assert!(user.titles("").await.is_empty());
    let wrong = answer(scoped(&user, Method::DELETE, second, "all")).await;
    assert_eq!(wrong.problem(), (422, "validation_failed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_can_begin_to_repeat_and_cease_and_what_will_not_do_is_refused() {
    let api = Api::start().await;
    let user = api.user();
    let task = user.titled("Walk").await;
    let daily = json!({"recurrence": {"rule": "FREQ=DAILY"}});
    let refused = user.patch(&task, &daily).await;
    assert_eq!(refused.problem(), (409, "conflict"));
    assert_eq!(refused.body["errors"][0]["field"], "due_at");
    let due = json!({"due_at": "2031-01-01T09:00:00Z"});
    user.patch(&task, &due).await;
    let begun = user.patch(&task, &daily).await;
    assert_eq!(begun.status, 200, "{begun:?}");
    assert_eq!(begun.body["recurrence"]["time_zone"], "UTC");
    let undated = user.patch(&task, &json!({"due_at": null})).await;
    assert_eq!(undated.body["errors"][0]["field"], "due_at");
    let ceased = patch(&user, &task, "following", json!({"recurrence": null})).await;
    assert!(ceased.body["recurrence"].is_null(), "{ceased:?}");
    let done = user.act(&task, "complete").await.body;
    assert_eq!(
        (&done["status"], &done["recurrence"]),
        (&json!("completed"), &Value::Null)
    );
    assert_eq!(user.titles("").await, ["Walk"]);

    for (recurrence, field, code) in [
        (json!({}), "recurrence.rule", "required"),
        (json!({"rule": "daily"}), "recurrence.rule", "malformed"),
        (
            json!({"rule": "FREQ=SECONDLY"}),
            "recurrence.rule",
            "unsupported_frequency",
        ),
        (
            json!({"rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}),
            "recurrence.rule",
            "never_repeats",
        ),
        (
            json!({"rule": "FREQ=DAILY", "exdates": ["2031-01-01"]}),
            "recurrence.exdates[0]",
            "malformed",
        ),
        (
            json!({"rule": "FREQ=DAILY", "exdates": vec!["2031-01-01T00:00:00Z"; 101]}),
            "recurrence.exdates",
            "too_many",
        ),
    ] {
        let body =
            json!({"title": "x", "due_at": "2031-01-01T09:00:00Z", "recurrence": recurrence});
        let refused = user.post("/v1/tasks", &body).await;
        let status = if code == "never_repeats" { 409 } else { 422 };
        assert_eq!(refused.problem().0, status, "{recurrence}");
        let error = &refused.body["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&json!(field), &json!(code))
        );
    }
    let undated = json!({"title": "x", "recurrence": {"rule": "FREQ=DAILY"}});
    let refused = user.post("/v1/tasks", &undated).await;
    assert_eq!(refused.body["errors"][0]["field"], "due_at");
}
