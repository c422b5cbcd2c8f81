//! The user's side: signing in, and the WebSocket.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, Utc};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use url::Url;

use super::Options;

/// How long each answer may take, the reminder's own second apart.
const PATIENCE: Duration = Duration::from_secs(15);
const TEXT: &str = "add a task look at the trace of this journey, remind me in 1 second";

/// Opens an account of that name and password.
pub(super) async fn register(options: &Options, http: &reqwest::Client) -> Result<()> {
    let url = options.gateway.join("/api/auth/register")?;
    let account = json!({
        "email": options.user, "password": options.password, "name": "Journey",
    });
    let status = http.post(url).json(&account).send().await?.status();
    ensure!(
        status.is_success(),
        "opening an account was answered {status}"
    );
    Ok(())
}

/// Signs in: the access token.
pub(super) async fn sign_in(options: &Options, http: &reqwest::Client) -> Result<String> {
    let url = options.gateway.join("/api/auth/login")?;
    let account = json!({ "email": options.user, "password": options.password });
    let response = http.post(url).json(&account).send().await?;
    let status = response.status();
    ensure!(status.is_success(), "signing in was answered {status}");
    let tokens: Value = response.json().await?;
    let token = tokens["access_token"].as_str();
    Ok(token.context("no access_token in the answer")?.to_owned())
}

/// An open WebSocket.
pub(super) struct Chat {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Chat {
    /// Connects, authenticates and joins the common room.
    pub(super) async fn open(gateway: &Url, token: &str) -> Result<Self> {
        let mut url = gateway.join("/ws")?;
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        if url.set_scheme(scheme).is_err() {
            bail!("{gateway} is no HTTP address");
        }
        let mut request = url.as_str().into_client_request()?;
        let protocols = format!("glasshouse.v1, bearer.{token}");
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", protocols.parse()?);
        let (socket, _) = connect_async(request).await.context("the handshake")?;
        let mut chat = Self { socket };
        chat.next(|frame| frame["type"] == "ready").await?;
        chat.send(json!({ "type": "join", "room": "general" }))
            .await?;
        chat.next(|frame| frame["type"] == "joined").await?;
        Ok(chat)
    }

    /// Asks for the task and waits for it: its id.
    pub(super) async fn ask_for_task(&mut self, traceparent: &str) -> Result<String> {
        let id = uuid::Uuid::new_v4().to_string();
        self.send(json!({
            "type": "message", "id": id, "room": "general",
            "text": TEXT, "traceparent": traceparent,
        }))
        .await?;
        let frame = self
            .next(|frame| frame["type"] == "task" && frame["client_id"] == *id)
            .await?;
        let task = frame["task"]["id"].as_str();
        Ok(task.context("a task without an id")?.to_owned())
    }

    /// Waits for the task's reminder: when it arrived.
    pub(super) async fn reminder(&mut self, task: &str) -> Result<DateTime<Utc>> {
        self.next(|frame| {
            frame["type"] == "notification" && frame["notification"]["task_id"] == *task
        })
        .await
        .context("no push of the reminder")?;
        Ok(Utc::now())
    }

    async fn send(&mut self, frame: Value) -> Result<()> {
        let message = Message::text(frame.to_string());
        self.socket.send(message).await.context("the WebSocket")
    }

    /// The next frame that `wanted` accepts; an error frame ends the wait.
    async fn next(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let search = async {
            while let Some(message) = self.socket.next().await {
                let Message::Text(text) = message? else {
                    continue;
                };
                let frame: Value = serde_json::from_str(&text)?;
                if wanted(&frame) {
                    return Ok(frame);
                }
                if frame["type"] == "error" {
                    bail!(
                        "the gateway answered {}: {}",
                        frame["code"],
                        frame["detail"]
                    );
                }
            }
            bail!("the gateway closed the WebSocket")
        };
        let waited = timeout(PATIENCE, search).await;
        waited.with_context(|| format!("nothing in {} s", PATIENCE.as_secs()))?
    }
}
