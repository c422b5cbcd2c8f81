//! A socket of a journey: opened, spoken on, closed.

use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, Request};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};

use super::connections::NoConnection;
use crate::failure::Failure;
use crate::http1;
use crate::scenario::Filled;
use crate::target::Target;

/// The largest frame that is taken.
const LARGEST: usize = 1 << 20;

/// An open socket.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Opens one.
    pub(crate) async fn open(
        target: &Target,
        path: &str,
        protocols: &[String],
    ) -> Result<Self, NoConnection> {
        let stream = http1::connect(target.address).await;
        let stream = stream.map_err(|error| NoConnection::connecting(&error))?;
        let request = request(target, path, protocols).ok_or(Failure::Value)?;
        // Thousands of sockets: what each keeps for reading and writing is kept small.
        let config = WebSocketConfig::default()
            .max_message_size(Some(LARGEST))
            .max_frame_size(Some(LARGEST))
            .read_buffer_size(4096)
            .write_buffer_size(0);
        let opened =
            tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
        match opened {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(tungstenite::Error::Http(_)) => Err(Failure::Rejected.into()),
            Err(error) => Err(failure(&error).into()),
        }
    }

    /// Sends a frame of text.
    pub(crate) async fn send(&mut self, text: String) -> Result<(), Failure> {
        self.0
            .send(Message::text(text))
            .await
            .map_err(|error| failure(&error))
    }

    /// The next frame of text.
    pub(crate) async fn next(&mut self) -> Result<Utf8Bytes, Failure> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Close(_))) | None => return Err(Failure::Closed),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(failure(&error)),
            }
        }
    }

    /// The next frame that has these values; others are passed over.
    pub(crate) async fn until(&mut self, wanted: &Filled) -> Result<Utf8Bytes, Failure> {
        loop {
            let text = self.next().await?;
            let frame: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
            if wanted.hold(&frame) {
                return Ok(text);
            }
        }
    }

    /// Says goodbye, and waits for the answer to it.
    pub(crate) async fn close(mut self) -> Result<(), Failure> {
        self.0.close(None).await.map_err(|error| failure(&error))?;
        while let Some(Ok(_)) = self.0.next().await {}
        Ok(())
    }

    pub(crate) fn split(self) -> (Sending, Hearing) {
        let (sending, hearing) = self.0.split();
        (sending, hearing)
    }
}

pub(crate) type Sending = futures_util::stream::SplitSink<WebSocketStream<TcpStream>, Message>;
pub(crate) type Hearing = futures_util::stream::SplitStream<WebSocketStream<TcpStream>>;

fn request(target: &Target, path: &str, protocols: &[String]) -> Option<Request<()>> {
    let url = format!("ws://{}{path}", target.host.to_str().ok()?);
    let mut request = url.into_client_request().ok()?;
    if !protocols.is_empty() {
        let protocols = HeaderValue::try_from(protocols.join(", ")).ok()?;
        request
            .headers_mut()
            .insert(http::header::SEC_WEBSOCKET_PROTOCOL, protocols);
    }
    Some(request)
}

pub(crate) fn failure(error: &tungstenite::Error) -> Failure {
    use std::io::ErrorKind;
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => Failure::Closed,
        tungstenite::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Failure::Reset,
            ErrorKind::UnexpectedEof => Failure::Closed,
            _ => Failure::Protocol,
        },
        tungstenite::Error::Protocol(
            tungstenite::error::ProtocolError::ResetWithoutClosingHandshake
            | tungstenite::error::ProtocolError::HandshakeIncomplete,
        ) => Failure::Reset,
        tungstenite::Error::Capacity(_) => Failure::TooLarge,
        _ => Failure::Protocol,
    }
}
