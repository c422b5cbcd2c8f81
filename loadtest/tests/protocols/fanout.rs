//! Sockets in rooms: a latency for each receiver, and what is not heard is missed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::routing::any;
use loadtest::Failure;
use serde_json::{Value, json};
use tokio::sync::mpsc::{self, UnboundedSender};

use crate::server::serve;
use crate::{nanoseconds, row, run};

/// Members of each room, in the order in which they came.
type Rooms = Arc<Mutex<HashMap<String, Vec<UnboundedSender<String>>>>>;

/// How a hub treats those who are last in their room.
#[derive(Clone, Copy)]
enum Last {
    HearsLater(Duration),
    HearsNothing,
}

async fn member(mut socket: WebSocket, rooms: Rooms, last: Last) {
    let (to_me, mut for_me) = mpsc::unbounded_channel::<String>();
    loop {
        tokio::select! {
            frame = for_me.recv() => {
                if socket.send(Message::text(frame.unwrap())).await.is_err() {
                    return;
                }
            }
            frame = socket.recv() => {
                let Some(Ok(Message::Text(text))) = frame else { return };
                let frame: Value = serde_json::from_str(&text).unwrap();
                let room = frame["room"].as_str().unwrap().to_owned();
                if frame["type"] == "join" {
                    rooms.lock().unwrap().entry(room).or_default().push(to_me.clone());
                    to_me.send(json!({"type": "joined"}).to_string()).unwrap();
                    continue;
                }
                let said = json!({"type": "message", "client_id": frame["id"]}).to_string();
                // It has the id, and is no delivery.
                let noise = json!({"type": "noise", "client_id": frame["id"]}).to_string();
                let members = rooms.lock().unwrap()[&room].clone();
                let (later, now) = members.split_last().unwrap();
                for member in now {
                    member.send(noise.clone()).unwrap();
                    member.send(said.clone()).unwrap();
                }
                if let Last::HearsLater(wait) = last {
                    let later = later.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(wait).await;
                        let _ = later.send(said);
                    });
                }
            }
        }
    }
}

fn hub(last: Last) -> Router {
    let rooms = Rooms::default();
    Router::new().route(
        "/ws",
        any(async move |upgrade: WebSocketUpgrade| {
            upgrade.on_upgrade(move |socket| member(socket, rooms, last))
        }),
    )
}

const SCENARIO: &str = r#"
name: test
about: a test
timeout: 3s
max_lateness: 1m
sockets:
  count: 20
  rooms: 4
  target: it
  path: /ws
  join: { type: join, room: "r{{room}}" }
  joined: { /type: joined }
journeys:
  - name: talk
    steps:
      - name: message
        fanout:
          send: { type: message, id: "{{id}}", room: "r{{room}}" }
          heard: { /type: message, /client_id: "{{id}}" }
phases: [{ name: all, rate: 40, spacing: even, duration: 1s }]
"#;

#[tokio::test]
async fn each_receiver_has_a_latency_of_its_own() {
    let server = serve(hub(Last::HearsLater(Duration::from_millis(700))));
    let report = run(&server.address, SCENARIO).await;
    assert!(report.valid, "{:?}", report.invalid_because);
    assert_eq!(report.errors, 0);
    let message = row(&report, "message");
    // Five in a room, the sender among them.
    assert_eq!(message.answered, 40 * 5);
    let corrected = message.corrected.as_ref().unwrap();
    assert_eq!(corrected.count, 40 * 5);
    // One of five hears it much later.
    assert_eq!(corrected.above(Duration::from_millis(695)), 40);
    assert!(nanoseconds(corrected.p50) < Duration::from_millis(695));
}

#[tokio::test]
async fn who_does_not_hear_it_is_missed() {
    let server = serve(hub(Last::HearsNothing));
    let report = run(&server.address, SCENARIO).await;
    let message = row(&report, "message");
    assert_eq!(message.answered, 40 * 4);
    assert_eq!(message.failures[&Failure::Missing], 40);
    assert_eq!(report.errors, 40);
    // And is not left out of the latencies.
    assert_eq!(
        message
            .corrected
            .as_ref()
            .unwrap()
            .above(Duration::from_millis(2990)),
        40
    );
}
