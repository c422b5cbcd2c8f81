//! Says things in a room, and says them again until they come back: a message is
//! known by its sender's own id, so it is kept once however often it was sent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::fault::Service;
use crate::ledger::{Ledger, Said};
use crate::pace::Pace;
use crate::world::{User, World};

/// After this long without its echo, a message is sent again.
const ECHO: Duration = Duration::from_secs(3);
/// A message that never comes back is given up.
const GIVE_UP: Duration = Duration::from_secs(90);

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Says one message for each `share` of acknowledged writes.
pub async fn speak(
    world: Arc<World>,
    ledger: Arc<Ledger>,
    pace: Arc<Pace>,
    number: u64,
    share: u64,
) {
    let user = world.users[number as usize % world.users.len()].clone();
    let mut socket = None;
    let mut said = 0;
    while pace.turn().await {
        if said * share > pace.done() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        let id = format!("m{number}-{said}");
        said += 1;
        let acknowledged = insist(&world, &user, &mut socket, &id).await;
        ledger.said(Said {
            id,
            user: user.id,
            acknowledged,
        });
    }
}

async fn insist(world: &World, user: &User, socket: &mut Option<Stream>, id: &str) -> bool {
    let deadline = Instant::now() + GIVE_UP;
    while Instant::now() < deadline {
        let mut open = match socket.take() {
            Some(open) => open,
            None => match tokio::time::timeout(ECHO, connect(world, user)).await {
                Ok(Some(open)) => open,
                _ => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
            },
        };
        if let Ok(true) = tokio::time::timeout(ECHO, say(&mut open, id)).await {
            *socket = Some(open);
            return true;
        }
    }
    false
}

async fn connect(world: &World, user: &User) -> Option<Stream> {
    let url = world
        .node(Service::ChatGateway)
        .url("/ws")
        .replacen("http", "ws", 1);
    let mut request = url.into_client_request().ok()?;
    let protocols = format!("glasshouse.v1, bearer.{}", user.token);
    request.headers_mut().insert(
        "Sec-WebSocket-Protocol",
        HeaderValue::from_str(&protocols).ok()?,
    );
    let (mut stream, _) = connect_async(request).await.ok()?;
    let join = json!({ "type": "join", "room": "general" });
    stream.send(Message::text(join.to_string())).await.ok()?;
    wait_for(&mut stream, |frame| frame["type"] == "joined").await?;
    Some(stream)
}

async fn say(stream: &mut Stream, id: &str) -> bool {
    let frame = json!({ "type": "message", "id": id, "room": "general", "text": id });
    if stream.send(Message::text(frame.to_string())).await.is_err() {
        return false;
    }
    let ours = |frame: &Value| frame["client_id"] == id;
    let answer = wait_for(stream, ours).await;
    answer.is_some_and(|frame| frame["type"] == "message")
}

async fn wait_for(stream: &mut Stream, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
    loop {
        let Message::Text(text) = stream.next().await?.ok()? else {
            continue;
        };
        let frame: Value = serde_json::from_str(&text).ok()?;
        if wanted(&frame) {
            return Some(frame);
        }
    }
}
