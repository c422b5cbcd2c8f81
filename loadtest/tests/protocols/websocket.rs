//! A journey on a socket of its own.

use std::time::Duration;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::any;
use loadtest::Failure;
use serde_json::{Value, json};

use crate::server::serve;
use crate::{of_steps, row, run};

async fn talk(mut socket: WebSocket) {
    let ready = json!({"type": "ready", "session": "s-1"}).to_string();
    if socket.send(Message::text(ready)).await.is_err() {
        return;
    }
    while let Some(Ok(Message::Text(text))) = socket.recv().await {
        let frame: Value = serde_json::from_str(&text).unwrap();
        match frame["say"].as_str() {
            Some("nothing") => {}
            Some("drop") => return,
            said => {
                // Something else first: it must be passed over.
                let noise = json!({"type": "echo", "said": "noise"}).to_string();
                let echo = json!({"type": "echo", "said": said, "session": frame["session"]});
                let _ = socket.send(Message::text(noise)).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
                let _ = socket.send(Message::text(echo.to_string())).await;
            }
        }
    }
}

fn routes() -> Router {
    Router::new()
        .route(
            "/ws",
            any(async |upgrade: WebSocketUpgrade| upgrade.protocols(["test.v1"]).on_upgrade(talk)),
        )
        .route(
            "/closed",
            any(async || StatusCode::FORBIDDEN.into_response()),
        )
}

fn steps(say: &str) -> String {
    of_steps(&format!(
        r#"
      - name: open
        websocket: {{ open: it, path: /ws, protocols: [test.v1], until: {{ /type: ready }} }}
        capture: {{ session: {{ json: /session }} }}
      - name: say
        websocket:
          send: {{ say: "{say}", session: "{{{{session}}}}" }}
          until: {{ /said: "{say}", /session: "s-1" }}
      - name: close
        websocket: {{ close: true }}"#
    ))
}

#[tokio::test]
async fn frames_are_sent_and_waited_for() {
    let server = serve(routes());
    let report = run(&server.address, &steps("hello")).await;
    assert_eq!(report.errors, 0, "{:?}", report.steps);
    for name in ["open", "say", "close", "journey"] {
        assert_eq!(row(&report, name).answered, 40, "{name}");
    }
    let say = row(&report, "say").corrected.as_ref().unwrap();
    assert!(say.min >= 4_900_000, "{}", say.min);
    assert_eq!(report.opened, 40);
}

#[tokio::test]
async fn silence_a_lost_socket_and_a_refused_handshake_are_told_apart() {
    let server = serve(routes());
    let report = run(&server.address, &steps("nothing")).await;
    assert_eq!(row(&report, "say").failures[&Failure::Timeout], 40);
    assert!(row(&report, "say").corrected.as_ref().unwrap().min >= 990_000_000);

    let report = run(&server.address, &steps("drop")).await;
    let lost = &row(&report, "say").failures;
    let lost = [Failure::Closed, Failure::Reset].map(|f| lost.get(&f).copied().unwrap_or(0));
    assert_eq!(lost.iter().sum::<u64>(), 40, "{:?}", row(&report, "say"));

    let refused = steps("x").replace("path: /ws", "path: /closed");
    let report = run(&server.address, &refused).await;
    assert_eq!(row(&report, "open").failures[&Failure::Rejected], 40);
    assert_eq!(row(&report, "journey").answered, 0);
}
