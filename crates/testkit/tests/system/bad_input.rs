//! Bad input gets a typed answer, and stops nobody.

use serde_json::{Value, json};
use testkit::{Socket, System};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test(flavor = "multi_thread")]
async fn over_http_it_is_a_problem_and_never_a_500() {
    let system = System::start().await;
    let token = system.sign_in().await;
    let todo = system.todo_api.url("/v1/tasks");
    let bodies = [
        ("", 400),
        ("{", 400),
        ("[]", 422),
        ("null", 422),
        ("{}", 422),
        ("\u{0}", 400),
        (r#"{"title": 7}"#, 422),
        (r#"{"title": ""}"#, 422),
        (r#"{"title": "a\u0000b"}"#, 422),
        (r#"{"title": "x", "unknown": 1}"#, 422),
        (r#"{"title": "x", "priority": "mega"}"#, 422),
        (r#"{"title": "x", "due_at": "yesterday"}"#, 422),
        (
            r#"{"title": "x", "due_at": "9999999-01-01T00:00:00Z"}"#,
            422,
        ),
        (r#"{"title": "x", "time_zone": "Mars/Olympus"}"#, 422),
        (r#"{"title": "x", "tags": ["UPPER CASE"]}"#, 422),
        (r#"{"title": "\ud800"}"#, 400),
    ];
    for (body, status) in bodies {
        let sent = system
            .http
            .post(&todo)
            .bearer_auth(&token)
            .header("content-type", "application/json")
            .body(body);
        problem(
            sent.send().await.expect("an answer"),
            &[status, 400, 422],
            body,
        )
        .await;
    }
    let huge = format!(r#"{{"title": "{}"}}"#, "x".repeat(3 << 20));
    let sent = system
        .http
        .post(&todo)
        .bearer_auth(&token)
        .header("content-type", "application/json")
        .body(huge);
    problem(sent.send().await.expect("an answer"), &[413], "3 MiB").await;
    let sent = system
        .http
        .post(&todo)
        .bearer_auth(&token)
        .header("content-type", "text/plain")
        .body("x");
    problem(sent.send().await.expect("an answer"), &[415], "text/plain").await;
    let nested = "[".repeat(100_000);
    let sent = system
        .http
        .post(&todo)
        .bearer_auth(&token)
        .header("content-type", "application/json")
        .body(nested);
    problem(
        sent.send().await.expect("an answer"),
        &[400, 422],
        "deep nesting",
    )
    .await;

    for (path, statuses) in [
        ("/v1/tasks/not-a-uuid", [400, 422, 404]),
        ("/v1/tasks?limit=0", [400, 422, 422]),
        ("/v1/tasks?limit=-1", [400, 422, 422]),
        ("/v1/tasks?cursor=%00", [400, 422, 422]),
        ("/v1/tasks?cursor=AAAA", [400, 422, 422]),
        ("/v1/tasks?status=lost", [400, 422, 422]),
        ("/v1/tasks?due_before=soon", [400, 422, 422]),
        ("/v1/nothing", [404, 404, 404]),
    ] {
        let sent = system
            .http
            .get(system.todo_api.url(path))
            .bearer_auth(&token)
            .send()
            .await;
        problem(sent.expect("an answer"), &statuses, path).await;
    }
    let sent = system.http.put(&todo).bearer_auth(&token).send().await;
    problem(sent.expect("an answer"), &[405], "PUT /v1/tasks").await;
    for bad in ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        let sent = system
            .http
            .get(&todo)
            .header("authorization", format!("Bearer {bad}"))
            .send()
            .await;
        problem(sent.expect("an answer"), &[401], bad).await;
    }

    for (path, body) in [
        (
            "/api/auth/login",
            json!({"email": "nobody@example.com", "password": "wrong"}),
        ),
        (
            "/api/auth/login",
            json!({"email": "a\u{0}", "password": "\u{0}"}),
        ),
        (
            "/api/auth/register",
            json!({"email": "no-at", "password": "x", "name": ""}),
        ),
        ("/api/auth/refresh", json!({"refresh_token": "nonsense"})),
        ("/api/auth/login", json!("text")),
    ] {
        let sent = system
            .http
            .post(system.chat_gateway.url(path))
            .json(&body)
            .send()
            .await;
        problem(sent.expect("an answer"), &[400, 401, 422], path).await;
    }
    assert_eq!(system.todo_api.probe("/health/ready").await.0, 200);
    assert_eq!(system.chat_gateway.probe("/health/ready").await.0, 200);
}

async fn problem(response: reqwest::Response, statuses: &[u16], input: &str) {
    let input: String = input.chars().take(60).collect();
    let status = response.status().as_u16();
    assert!(
        statuses.contains(&status),
        "{status} for {input:?}: {:?}",
        response.text().await
    );
    let kind = response
        .headers()
        .get("content-type")
        .map(|value| value.to_str().unwrap_or_default().to_owned());
    assert_eq!(
        kind.as_deref(),
        Some("application/problem+json"),
        "{input:?}"
    );
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["status"], status, "{body}");
    assert!(
        body["title"].is_string() && body["code"].is_string(),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn over_websocket_it_is_an_error_frame_or_a_close_code() {
    let system = System::start().await;
    let token = system.sign_in().await;
    let url = system.chat_gateway.url("/ws");

    let mut socket = system.socket(&token).await;
    for frame in [
        "",
        "{",
        "[]",
        "7",
        r#"{"type":"nothing"}"#,
        r#"{"type":"message"}"#,
        r#"{"type":"join","room":"no such room"}"#,
    ] {
        socket.send_raw(Message::text(frame)).await;
        let error = socket.expect("error").await;
        assert!(
            error["code"].is_string() && error["detail"].is_string(),
            "{error}"
        );
    }
    // It goes on working.
    socket.send(json!({"type": "ping"})).await;
    socket.expect("pong").await;

    let mut patience = system.socket(&token).await;
    for _ in 0..10 {
        patience.send_raw(Message::text("nonsense")).await;
    }
    assert_eq!(patience.closed().await, 4400);

    let mut large = system.socket(&token).await;
    large.send_raw(Message::text("x".repeat(64 << 10))).await;
    assert_eq!(large.closed().await, 1009);

    let mut stranger = Socket::anonymous(&url).await.expect("a socket");
    stranger
        .send(json!({"type": "authenticate", "token": "nonsense"}))
        .await;
    assert_eq!(stranger.closed().await, 4401);
    let mut silent = Socket::anonymous(&url).await.expect("a socket");
    assert_eq!(silent.closed().await, 4401);

    let metrics = system.chat_gateway.metrics().await;
    assert!(metrics.sum("websocket_connection_failures_total", &[]) >= 1.0);
    assert_eq!(system.chat_gateway.probe("/health/ready").await.0, 200);
}
