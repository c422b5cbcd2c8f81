//! A WebSocket client of chat-gateway.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// A connected socket.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Connects with a token in the subprotocol list; `url` is the gateway's
    /// `http://…/ws`.
    ///
    /// # Errors
    /// What the handshake says.
    pub async fn connect(url: &str, token: &str) -> Result<Self, Error> {
        let mut request = url.replacen("http", "ws", 1).into_client_request()?;
        let protocols = format!("glasshouse.v1, bearer.{token}");
        if let Ok(value) = HeaderValue::from_str(&protocols) {
            request
                .headers_mut()
                .insert("Sec-WebSocket-Protocol", value);
        }
        Ok(Self(connect_async(request).await?.0))
    }

    /// Connects without saying who one is.
    ///
    /// # Errors
    /// What the handshake says.
    pub async fn anonymous(url: &str) -> Result<Self, Error> {
        let request = url.replacen("http", "ws", 1);
        Ok(Self(connect_async(request).await?.0))
    }

    /// Sends a JSON frame.
    ///
    /// # Panics
    /// When the connection is gone.
    pub async fn send(&mut self, frame: Value) {
        self.send_raw(Message::text(frame.to_string())).await;
    }

    /// Sends any message.
    ///
    /// # Panics
    /// When the connection is gone.
    pub async fn send_raw(&mut self, message: Message) {
        self.0.send(message).await.expect("an open socket");
    }

    /// The next JSON frame, or `Err` with the close code.
    ///
    /// # Panics
    /// When nothing comes.
    pub async fn next(&mut self) -> Result<Value, u16> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(20), self.0.next()).await;
            match next.expect("a frame in time") {
                Some(Ok(Message::Text(text))) => {
                    return Ok(serde_json::from_str(&text).expect("JSON"));
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map_or(1005, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    /// The next frame of this type; others are passed over.
    ///
    /// # Panics
    /// When the socket closes before.
    pub async fn expect(&mut self, kind: &str) -> Value {
        loop {
            match self.next().await {
                Ok(frame) if frame["type"] == kind => return frame,
                Ok(_) => {}
                Err(code) => panic!("closed with {code} before a {kind} frame"),
            }
        }
    }

    /// Reads until the socket closes: its close code.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }
}
