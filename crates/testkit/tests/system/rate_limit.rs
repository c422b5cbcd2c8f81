//! todo-api limits its users also when chat-gateway asks in their name, and the
//! user learns of it.

use serde_json::{Value, json};
use testkit::{System, SystemBuilder};

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_todo_api_is_told_in_chat_and_over_http() {
    let parts = SystemBuilder::new().await;
    let todo_api = parts
        .todo_api()
        .env("RATE_LIMIT_PER_SECOND", "0.01")
        .env("RATE_LIMIT_BURST", "1")
        .start()
        .await;
    let chat_gateway = parts.chat_gateway(&todo_api.url("")).start().await;
    let system = System {
        event_worker: parts.event_worker().start().await,
        parts,
        todo_api,
        chat_gateway,
        http: reqwest::Client::new(),
    };
    let token = system.sign_in().await;
    let mut socket = system.socket(&token).await;
    socket
        .send(json!({"type": "join", "room": "general"}))
        .await;
    socket.expect("joined").await;
    let wish = json!({"type": "message", "room": "general", "text": "add a task rest"});
    socket.send(wish.clone()).await;
    socket.expect("task").await;
    socket.send(wish).await;
    let refused = socket.expect("error").await;
    assert_eq!(refused["code"], "rate_limited", "{refused}");
    let detail = refused["detail"].as_str().expect("words");
    assert!(
        detail.starts_with("Try again in ") && detail.contains("seconds"),
        "{detail}"
    );

    let list = system.http.get(system.chat_gateway.url("/api/tasks"));
    let answer = list.bearer_auth(&token).send().await.expect("an answer");
    assert_eq!(answer.status(), 429);
    let wait = answer.headers()["retry-after"].to_str().expect("ASCII");
    assert!(
        (90..=100).contains(&wait.parse::<u32>().expect("seconds")),
        "{wait}"
    );
    let problem: Value = answer.json().await.expect("a problem");
    assert_eq!(problem["code"], "rate_limited");
}
