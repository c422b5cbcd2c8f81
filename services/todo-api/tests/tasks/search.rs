//! Full text, counts, and what they cost with many tasks.

use serde_json::{Value, json};
use testkit::eventually;

use super::client::{Api, Client, titles};

async fn library(user: &Client<'_>) {
    for (title, body) in [
        (
            "Return the books",
            json!({"tags": ["library"], "priority": "high"}),
        ),
        (
            "Library card",
            json!({"description": "ask for Anna, e-mail anna@example.com"}),
        ),
        (
            "Read",
            json!({"description": "three books from the library, then one more book"}),
        ),
        (
            "ÜBERWEISUNG 2.50",
            json!({"tags": ["bank-2"], "priority": "high"}),
        ),
        ("Buy milk", json!({"due_at": "2001-01-01T00:00:00Z"})),
    ] {
        let mut body = body;
        body["title"] = json!(title);
        user.create(body).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_and_beginnings_of_words_are_found_and_titles_count_most() {
    let api = Api::start().await;
    let (user, other) = (api.user(), api.user());
    library(&user).await;
    other.titled("Somebody else's library").await;
    for (query, expected) in [
        // Title before tag before description.
        ("q=library", "Library card|Return the books|Read"),
        ("q=library&order=asc", "Read|Return the books|Library card"),
        ("q=LIBR", "Library card|Return the books|Read"),
        ("q=boo", "Return the books|Read"),
        ("q=book%20libr", "Return the books|Read"),
        ("q=ibrary", ""),
        ("q=%C3%BCberw", "ÜBERWEISUNG 2.50"),
        // Punctuation separates, here as there, and is no operator.
        ("q=mail", "Library card"),
        ("q=E-Mail", "Library card"),
        ("q=anna@example.com", "Library card"),
        ("q=com", "Library card"),
        ("q=bank-2", "ÜBERWEISUNG 2.50"),
        ("q=2.50", "ÜBERWEISUNG 2.50"),
        ("q=milk|card", ""),
        ("q='milk'%20%26%20!card:*", ""),
        ("q=!'%5C", ""),
        ("q=milk%00", "Buy milk"),
        // With filters and other orders.
        ("q=library&priority=high", "Return the books"),
        ("q=library&tags_any=library,bank-2", "Return the books"),
        ("q=library&sort=title", "Library card|Read|Return the books"),
        ("q=library&limit=1", "Library card"),
        ("q=milk&overdue=true", "Buy milk"),
        ("q=milk&overdue=false", ""),
    ] {
        assert_eq!(user.titles(query).await.join("|"), expected, "{query}");
    }
    // What was found is found by what it is now.
    let found = user.get("/v1/tasks?q=milk").await.body;
    user.patch(
        &found["items"][0],
        &json!({"title": "Buy bread", "tags": ["bakery"]}),
    )
    .await;
    assert!(user.titles("q=milk").await.is_empty());
    assert_eq!(user.titles("q=bread+bakery").await, ["Buy bread"]);
    let long = user.get(&format!("/v1/tasks?q={}", "x".repeat(201))).await;
    assert_eq!(long.problem(), (422, "validation_failed"));
    assert_eq!(api.used("search").await, 26.0);
    assert_eq!(api.used("filter").await, 4.0);
    assert_eq!(api.used("sort").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_those_of_the_list_with_the_same_filters() {
    let api = Api::start().await;
    let (user, other) = (api.user(), api.user());
    library(&user).await;
    other.titled("Somebody else's library").await;
    let done = user.get("/v1/tasks?q=card").await.body;
    user.act(&done["items"][0], "complete").await;

    let all = user.get("/v1/tasks/counts").await;
    assert_eq!(all.status, 200, "{all:?}");
    assert_eq!(
        all.body,
        json!({
            "total": 5,
            "by_status": {"open": 4, "completed": 1},
            "by_priority": {"low": 0, "normal": 3, "high": 2, "urgent": 0},
            "overdue": 1,
            "tags": [{"tag": "bank-2", "count": 1}, {"tag": "library", "count": 1}],
        })
    );
    for filter in [
        "q=library",
        "q=nothing",
        "status=open",
        "priority=high,low",
        "tags_any=library",
        "overdue=true",
        "created_after=2031-01-01T00:00:00Z",
        "updated_before=2031-01-01T00:00:00Z",
        "q=library&status=open&priority=high",
    ] {
        let counts = user.get(&format!("/v1/tasks/counts?{filter}")).await.body;
        let list = user.get(&format!("/v1/tasks?{filter}")).await.body;
        let items = list["items"].as_array().expect("items");
        let number = |field: &str, value: &str| {
            json!(items.iter().filter(|task| task[field] == value).count())
        };
        assert_eq!(counts["total"], items.len(), "{filter}");
        for status in ["open", "completed"] {
            assert_eq!(
                counts["by_status"][status],
                number("status", status),
                "{filter}"
            );
        }
        for priority in ["low", "normal", "high", "urgent"] {
            let counted = &counts["by_priority"][priority];
            assert_eq!(*counted, number("priority", priority), "{filter}");
        }
    }
    let few = user.get("/v1/tasks/counts?top_tags=1").await.body;
    assert_eq!(few["tags"], json!([{"tag": "bank-2", "count": 1}]));
    for wrong in ["top_tags=0", "status=lost", "limit=5", "cursor=x"] {
        let refused = user.get(&format!("/v1/tasks/counts?{wrong}")).await;
        assert_eq!(refused.problem(), (422, "validation_failed"), "{wrong}");
    }
}

const MANY: &str = "
    INSERT INTO tasks (id, user_id, title, description, priority, tags, due_at, version,
                       created_at, updated_at)
    SELECT gen_random_uuid(),
           CASE WHEN n % 10 = 0 THEN md5((n % 1000)::text)::uuid ELSE $1 END,
           'task ' || n || ' ' || md5(n::text), 'about ' || md5((n % 997)::text), n % 4,
           ARRAY['t' || n % 50], CASE WHEN n % 3 > 0 THEN now() + n * interval '1 minute' END, 1,
           now() - n * interval '1 second', now()
    FROM generate_series(1, 100000) AS n";

/// The lists that must be quick find their rows by an index, among 100,000 rows
/// of which the owner has nine in ten.
#[tokio::test(flavor = "multi_thread")]
async fn each_list_that_must_be_quick_has_its_index() {
    let api = Api::start().await;
    let user = api.user();
    let pool = api.database().await;
    sqlx::query(MANY)
        .bind(user.who.id)
        .execute(&pool)
        .await
        .expect("rows");
    sqlx::query("VACUUM ANALYZE tasks")
        .execute(&pool)
        .await
        .expect("statistics");
    for (query, index) in [
        ("", "tasks_by_owner"),
        ("status=open&tags_any=t1,t2", "tasks_by_owner"),
        ("sort=due", "tasks_by_due"),
        ("q=c4ca4238a0b9", "tasks_by_word"),
        ("q=task%2099999", "tasks_by_word"),
    ] {
        let before = scans(&pool, index).await;
        let list = user.get(&format!("/v1/tasks?{query}")).await;
        assert_eq!(list.status, 200, "{query}: {list:?}");
        assert!(!titles(&list.body).is_empty(), "{query}");
        eventually(&format!("{query} uses {index}"), || async {
            (scans(&pool, index).await > before).then_some(())
        })
        .await;
        println!("{query:30} {index:15} {}", list.headers["x-response-time"]);
    }
    for query in ["sort=title", "sort=updated", "q=task", "q=t"] {
        let list = user.get(&format!("/v1/tasks?{query}")).await;
        assert_eq!(list.status, 200, "{query}: {list:?}");
        println!(
            "{query:30} sorts           {}",
            list.headers["x-response-time"]
        );
    }
    let counts = user.get("/v1/tasks/counts").await;
    assert_eq!(counts.body["total"], json!(90_000), "{counts:?}");
    println!("counts of 90,000 {}", counts.headers["x-response-time"]);
    assert_ne!(counts.body["tags"], Value::Null);
}

async fn scans(pool: &sqlx::PgPool, index: &str) -> i64 {
    sqlx::query_scalar("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = $1")
        .bind(index)
        .fetch_one(pool)
        .await
        .expect("statistics")
}
