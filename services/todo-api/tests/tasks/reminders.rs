//! The reminders of a task: several, set, moved, put off and taken away.

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Answer, Api, Client, answer, path};

async fn set(user: &Client<'_>, task: &Value, body: Value) -> Answer {
    user.post(&format!("{}/reminders", path(task)), &body).await
}

fn one(task: &Value, reminder: &Value) -> String {
    let id = reminder["id"].as_str().expect("an id");
    format!("{}/reminders/{id}", path(task))
}

async fn snooze(user: &Client<'_>, task: &Value, reminder: &Value, until: &str) -> Answer {
    let path = format!("{}/snooze", one(task, reminder));
    user.post(&path, &json!({ "until": until })).await
}

async fn cancel(user: &Client<'_>, task: &Value, reminder: &Value) -> Answer {
    answer(user.request(Method::DELETE, &one(task, reminder))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_has_several_at_moments_and_before_it_is_due_shown_in_its_zone() {
    let api = Api::start().await;
    let user = api.user();
    let task = user
        .create(json!({
            "title": "Fly", "due_at": "2031-03-30T12:00:00Z", "time_zone": "Europe/Berlin",
            "reminders": [{"at": "2031-03-29T08:00:00Z"}, {"minutes_before_due": 120}],
        }))
        .await;
    let reminders = task["reminders"].as_array().expect("reminders");
    let told = |reminder: &Value| {
        [
            "at",
            "minutes_before_due",
            "fires_at",
            "fires_at_local",
            "snoozed",
        ]
        .map(|field| reminder[field].clone())
    };
    // Clocks there went forward in between.
    assert_eq!(
        told(&reminders[0]),
        [
            json!("2031-03-29T08:00:00Z"),
            Value::Null,
            json!("2031-03-29T08:00:00Z"),
            json!("2031-03-29T09:00:00+01:00"),
            json!(false)
        ]
    );
    assert_eq!(
        told(&reminders[1]),
        [
            Value::Null,
            json!(120),
            json!("2031-03-30T10:00:00Z"),
            json!("2031-03-30T12:00:00+02:00"),
            json!(false)
        ]
    );
    assert_ne!(reminders[0]["id"], reminders[1]["id"]);

    let moved = user
        .patch(&task, &json!({"due_at": "2031-04-01T12:00:00Z"}))
        .await
        .body;
    assert_eq!(moved["reminders"][0], reminders[0]);
    assert_eq!(moved["reminders"][1]["id"], reminders[1]["id"]);
    assert_eq!(moved["reminders"][1]["fires_at"], "2031-04-01T10:00:00Z");
    // A list replaces the list, but not what is in both.
    let list = json!({"reminders": [{"minutes_before_due": 120.0}, {"minutes_before_due": 5}]});
    let replaced = user.patch(&task, &list).await.body;
    assert_eq!(replaced["reminders"][0], moved["reminders"][1]);
    assert_eq!(replaced["reminders"][1]["fires_at"], "2031-04-01T11:55:00Z");
    let list = json!({"reminders": [{"at": "2031-03-29T08:00:00Z"}, {"minutes_before_due": 120}]});
    user.patch(&task, &list).await;
    let undated = user.patch(&task, &json!({"due_at": null})).await.body;
    assert!(undated["reminders"][1]["fires_at"].is_null(), "{undated}");

    let events = api.events(&task).await;
    let times = |index: usize| events[index].json()["task"]["reminders"].clone();
    assert_eq!(times(0)[1]["at"], "2031-03-30T10:00:00Z");
    assert_eq!(times(1)[1]["at"], "2031-04-01T10:00:00Z");
    assert_eq!(times(4).as_array().map(Vec::len), Some(1), "one will fire");
    assert_eq!(api.used("reminder").await, 3.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_of_a_reminder_is_told_by_an_event_of_its_own() {
    let api = Api::start().await;
    let user = api.user();
    let task = user.titled("Call").await;
    let first = set(&user, &task, json!({"at": "2031-01-01T00:00:00Z"})).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(first.headers["etag"], "\"2\"");
    let second = set(&user, &task, json!({"at": "2031-01-02T00:00:00Z"})).await;
    let reminders = second.body["reminders"].clone();

    let snoozed = snooze(&user, &task, &reminders[0], "2031-01-03T00:00:00Z").await;
    assert_eq!(snoozed.status, 200, "{snoozed:?}");
    assert_eq!(snoozed.body["reminders"][0]["snoozed"], true);
    assert_eq!(
        snoozed.body["reminders"][0]["fires_at"],
        "2031-01-03T00:00:00Z"
    );
    assert_eq!(snoozed.body["reminders"][0]["at"], "2031-01-01T00:00:00Z");
    let again = snooze(&user, &task, &reminders[0], "2031-01-03T00:00:00Z").await;
    assert_eq!((again.status, &again.body), (200, &snoozed.body));

    let cancelled = cancel(&user, &task, &reminders[0]).await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    assert_eq!(cancelled.body["reminders"], json!([reminders[1]]));
    for gone in [
        cancel(&user, &task, &reminders[0]).await,
        snooze(&user, &task, &reminders[0], "2031-01-03T00:00:00Z").await,
    ] {
        assert_eq!(gone.problem(), (404, "reminder_not_found"));
    }

    let told: Vec<_> = api
        .events(&task)
        .await
        .iter()
        .map(|event| {
            let count = event.json()["task"]["reminders"].as_array().map(Vec::len);
            (event.header("ce_type"), count)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("todo.task.created.v1".to_owned(), Some(0)),
            ("todo.task.reminder_set.v1".to_owned(), Some(1)),
            ("todo.task.reminder_set.v1".to_owned(), Some(2)),
            ("todo.task.reminder_snoozed.v1".to_owned(), Some(2)),
            ("todo.task.reminder_cancelled.v1".to_owned(), Some(1)),
        ]
    );
    assert_eq!(api.used("reminder").await, 2.0);
    assert_eq!(api.operations("update").await, 4.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_will_not_do_is_refused_and_changes_nothing() {
    let api = Api::start().await;
    let (user, stranger) = (api.user(), api.user());
    let task = user
        .create(json!({"title": "x", "reminders": [{"at": "2031-01-01T00:00:00Z"}]}))
        .await;
    let reminder = &task["reminders"][0];
    let (invalid, conflict) = ((422, "validation_failed"), (409, "conflict"));
    for (body, problem, field, code) in [
        (json!({}), invalid, "at", "one_of"),
        (json!({"at": null}), invalid, "at", "wrong_type"),
        (
            json!({"at": "2001-01-01T00:00:00Z"}),
            conflict,
            "at",
            "in_the_past",
        ),
        (
            json!({"minutes_before_due": 5}),
            conflict,
            "minutes_before_due",
            "requires_due_at",
        ),
        (
            json!({"minutes_before_due": 9_999_999}),
            invalid,
            "minutes_before_due",
            "out_of_range",
        ),
    ] {
        let refused = set(&user, &task, body.clone()).await;
        assert_eq!(refused.problem(), problem, "{body}");
        let error = &refused.body["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&json!(field), &json!(code))
        );
    }
    for (until, problem) in [("2001-01-01T00:00:00Z", conflict), ("soon", invalid)] {
        let refused = snooze(&user, &task, reminder, until).await;
        assert_eq!(refused.problem(), problem, "{until}");
    }
    for foreign in [
        set(&stranger, &task, json!({"at": "2031-01-01T00:00:00Z"})).await,
        snooze(&stranger, &task, reminder, "2031-01-01T00:00:00Z").await,
        cancel(&stranger, &task, reminder).await,
    ] {
        assert_eq!(foreign.problem(), (404, "task_not_found"));
    }
    let stale = user
        .request(Method::DELETE, &one(&task, reminder))
        .header("if-match", "\"7\"");
    assert_eq!(answer(stale).await.problem(), (412, "version_mismatch"));
    assert_eq!(user.get(&path(&task)).await.body, task);

    for number in 1..10 {
        let added = set(&user, &task, json!({"at": "2031-01-01T00:00:00Z"})).await;
        assert_eq!(added.status, 200, "{number}");
    }
    let eleventh = set(&user, &task, json!({"at": "2031-01-01T00:00:00Z"})).await;
    assert_eq!(eleventh.problem(), conflict);
    assert_eq!(eleventh.body["errors"][0]["code"], "no_room");
    let reminders = vec![json!({"at": "2031-01-01T00:00:00Z"}); 11];
    let refused = user
        .post("/v1/tasks", &json!({"title": "x", "reminders": reminders}))
        .await;
    assert_eq!(refused.body["errors"][0]["code"], "too_many");
}
