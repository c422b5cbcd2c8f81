//! Lists: filters, their combinations, and pages.

use serde_json::{Value, json};

use super::client::{Api, titles};

#[tokio::test(flavor = "multi_thread")]
async fn each_filter_and_every_combination_lets_through_what_passes_all_of_them() {
    let api = Api::start().await;
    let user = api.user();
    let day = |day: u32| format!("2031-01-{day:02}T12:00:00Z");
    for (title, body) in [
        (
            "f",
            json!({"priority": "high", "due_at": "2001-01-01T00:00:00Z"}),
        ),
        ("a", json!({"priority": "low", "tags": ["home"]})),
        (
            "b",
            json!({"priority": "high", "tags": ["home", "shop"], "due_at": day(1)}),
        ),
        (
            "c",
            json!({"priority": "high", "tags": ["work"], "due_at": day(2)}),
        ),
        (
            "d",
            json!({"priority": "urgent", "due_at": day(3), "reminders": [{"at": day(2)}]}),
        ),
        (
            "e",
            json!({"tags": ["home"], "due_at": day(3), "recurrence": {"rule": "FREQ=DAILY;COUNT=2"}}),
        ),
    ] {
        let mut body = body;
        body["title"] = json!(title);
        let task = user.create(body).await;
        if ["b", "e"].contains(&title) {
            user.act(&task, "complete").await;
        }
    }
    // With the end of "e" its next occurrence came; the others are done with.
    user.delete(&user.get("/v1/tasks?limit=1").await.body["items"][0])
        .await;
    // Newest first.
    for (query, expected) in [
        ("", "e d c b a f"),
        ("status=open", "d c a f"),
        ("status=completed", "e b"),
        ("priority=low", "a"),
        ("priority=normal", "e"),
        ("priority=high", "c b f"),
        ("priority=urgent", "d"),
        ("tags_all=home", "e b a"),
        ("tags_all=shop", "b"),
        ("tags_all=nowhere", ""),
        ("tags_all=home,shop", "b"),
        ("tags_any=work,shop", "c b"),
        ("tags_any=home&tags_all=shop", "b"),
        ("priority=low,urgent", "d a"),
        ("has_reminder=true", "d"),
        ("has_reminder=false&status=open", "c a f"),
        ("recurring=true", "e"),
        ("recurring=false", "d c b a f"),
        ("recurring=true&status=open", ""),
        ("recurring=false&tags_any=home", "b a"),
        ("overdue=true", "f"),
        ("overdue=false&priority=low", "a"),
        ("due_before=2031-01-02T12:00:00Z", "b f"),
        ("due_before=2031-01-02T12:00:00.000001Z", "c b f"),
        ("due_after=2031-01-02T12:00:00Z", "e d c"),
        ("due_after=2031-01-02T14:00:00%2B02:00", "e d c"),
        (
            "due_after=2031-01-02T12:00:00Z&due_before=2031-01-03T00:00:00Z",
            "c",
        ),
        ("status=completed&tags_all=home", "e b"),
        ("status=open&tags_all=home", "a"),
        ("status=completed&tags_all=home&priority=high", "b"),
        (
            "status=open&priority=high&tags_all=work&due_after=2031-01-01T00:00:00Z&due_before=2031-02-01T00:00:00Z",
            "c",
        ),
        (
            "status=open&priority=low&due_after=2031-01-01T00:00:00Z",
            "",
        ),
        ("tags_all=home&limit=2", "e b"),
    ] {
        assert_eq!(user.titles(query).await.join(" "), expected, "{query}");
    }
    let list = user.get("/v1/tasks?limit=6").await.body;
    assert_eq!(
        list["next_cursor"],
        Value::Null,
        "exactly a page is the last one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_each_task_once_while_others_come_and_go() {
    let api = Api::start().await;
    let (user, other) = (api.user(), api.user());
    let mut tasks = Vec::new();
    for number in 0..55 {
        tasks.push(user.titled(&format!("task {number:02}")).await);
        if number % 10 == 0 {
            other.titled("somebody else's").await;
        }
    }
    let page = |cursor: Option<&str>| {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}"));
        format!("/v1/tasks?limit=10{}", cursor.unwrap_or_default())
    };
    let mut seen = Vec::new();
    let mut cursor: Option<String> = None;
    let mut sizes = Vec::new();
    loop {
        let answer = user.get(&page(cursor.as_deref())).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let shown = titles(&answer.body);
        sizes.push(shown.len());
        seen.extend(shown);
        let Some(next) = answer.body["next_cursor"].as_str() else {
            break;
        };
        // Before the next page: a new one at the front, one that was shown is
        // deleted (the last on the page, which the cursor points at), and one
        // that was not shown yet is changed.
        user.titled("newcomer").await;
        let last = seen.last().expect("a page").clone();
        let shown = tasks.iter().find(|task| task["title"] == last.as_str());
        user.delete(shown.expect("the task")).await;
        user.act(&tasks[0], "complete").await;
        user.act(&tasks[0], "reopen").await;
        cursor = Some(next.to_owned());
    }
    assert_eq!(sizes, [10, 10, 10, 10, 10, 5]);
    let expected: Vec<String> = (0..55)
        .rev()
        .map(|number| format!("task {number:02}"))
        .collect();
    assert_eq!(seen, expected, "newest first, each once");

    // One that was not shown yet and is deleted is not shown.
    let first = user.get("/v1/tasks?limit=1").await.body;
    let next = first["next_cursor"].as_str().expect("more").to_owned();
    let second = user.get(&page(Some(&next))).await.body;
    user.delete(&second["items"][0]).await;
    let again = user.get(&page(Some(&next))).await.body;
    assert_eq!(again["items"][0], second["items"][1]);

    // It is of no use for another list, nor for somebody else.
    let cursor = format!("cursor={next}");
    for other in [
        format!("/v1/tasks?status=completed&{cursor}"),
        format!("/v1/tasks?order=asc&{cursor}"),
        format!("/v1/tasks?sort=updated&{cursor}"),
        format!("/v1/tasks?cursor={}", &next[1..]),
        "/v1/tasks?cursor=".to_owned(),
    ] {
        let refused = user.get(&other).await;
        assert_eq!(refused.problem(), (400, "invalid_cursor"), "{other}");
    }
    let stranger = api.user();
    let refused = stranger.get(&page(Some(&next))).await;
    assert_eq!(refused.problem(), (400, "invalid_cursor"));
    let unknown = user.get("/v1/tasks?tag=home").await;
    assert_eq!(unknown.problem(), (422, "validation_failed"));
    assert_eq!(unknown.body["errors"][0]["field"], "tag");
}
