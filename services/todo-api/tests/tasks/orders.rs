//! Every order, both ways, page by page, while other tasks come, change and go.

use std::collections::HashMap;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use super::client::{Api, Client, path};

const KEPT: usize = 60;

/// What a task is ordered by, as text that orders the same; None comes last.
fn key(task: &Value, sort: &str) -> Option<String> {
    let priorities = ["low", "normal", "high", "urgent"];
    // Without the Z, which would come behind further digits.
    let text = |field: &str| Some(task[field].as_str()?.trim_end_matches('Z').to_owned());
    match sort {
        "created" => text("created_at"),
        "updated" => text("updated_at"),
        "due" => text("due_at"),
        "title" => text("title").map(|title| title.to_lowercase()),
        "priority" => priorities
            .iter()
            .position(|name| task["priority"] == *name)
            .map(|index| index.to_string()),
        // The document does not tell; that each is there once still holds.
        _ => Some(String::new()),
    }
}

fn body(random: &mut StdRng, kind: &str) -> Value {
    let words = [
        "Milk",
        "milk",
        "bread",
        "Äpfel",
        "zoo",
        "the milk and the bread",
    ];
    let priorities = ["low", "normal", "high", "urgent"];
    let number = random.random_range(0..3);
    let due = format!("2031-01-{:02}T00:00:00Z", random.random_range(1..5));
    let descriptions = ["milk", "milk, milk and more milk"];
    json!({
        "title": format!("{} {number}", words[random.random_range(0..words.len())]),
        "description": descriptions[random.random_range(0..2)],
        "priority": priorities[random.random_range(0..4)],
        "due_at": if random.random_bool(0.6) { json!(due) } else { Value::Null },
        "tags": [kind],
    })
}

/// Makes, changes and ends tasks without end.
async fn churn(user: &Client<'_>, mut random: StdRng) {
    let mut tasks: Vec<Value> = Vec::new();
    loop {
        let body = body(&mut random, "churn");
        if tasks.len() < 40 {
            tasks.push(user.create(body).await);
            continue;
        }
        let index = random.random_range(0..tasks.len());
        if random.random_bool(0.5) {
            user.patch(&tasks[index], &body).await;
        } else {
            let gone = tasks.swap_remove(index);
            assert_eq!(user.delete(&gone).await.status, 204, "{}", path(&gone));
        }
    }
}

/// Every task that a list shows, page by page.
async fn read(user: &Client<'_>, query: &str) -> Vec<Value> {
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = user
            .get(&format!("/v1/tasks?{query}&limit=7{cursor}"))
            .await;
        assert_eq!(page.status, 200, "{query}: {page:?}");
        seen.extend(
            page.body["items"]
                .as_array()
                .expect("items")
                .iter()
                .cloned(),
        );
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seen,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_change_is_seen_once_and_in_its_order() {
    let seed: u64 = match std::env::var("SEED") {
        Ok(seed) => seed.parse().expect("a number"),
        Err(_) => rand::random(),
    };
    println!("SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let api = Api::start().await;
    let user = api.user();
    for _ in 0..KEPT {
        user.create(body(&mut random, "kept")).await;
    }
    for sort in ["created", "updated", "due", "priority", "title", "rank"] {
        for order in ["asc", "desc"] {
            let query = format!("sort={sort}&order={order}&q=milk");
            let changes = churn(&user, StdRng::seed_from_u64(random.random()));
            let seen = tokio::select! {
                seen = read(&user, &query) => seen,
                () = changes => unreachable!("it has no end"),
            };
            let kept: Vec<_> = seen
                .iter()
                .filter(|task| task["tags"] == json!(["kept"]))
                .collect();
            let mut times: HashMap<&str, usize> = HashMap::new();
            for task in &kept {
                *times
                    .entry(task["id"].as_str().expect("an id"))
                    .or_default() += 1;
            }
            assert!(
                times.values().all(|times| *times == 1),
                "{query}: {times:?}"
            );
            assert_eq!(kept.len(), KEPT, "{query}");
            for pair in kept.windows(2) {
                let [first, second] = [0, 1].map(|index| {
                    let id = pair[index]["id"].as_str().expect("an id");
                    (key(pair[index], sort), id)
                });
                let in_order = match (&first.0, &second.0) {
                    (None, Some(_)) => false,
                    (Some(_), None) => true,
                    _ if sort == "rank" => true,
                    _ if order == "asc" => first < second,
                    _ => first > second,
                };
                assert!(in_order, "{query}: {first:?} {second:?}");
            }
        }
    }
}
