//! Who opened this socket: by a token among the subprotocols, or by the first
//! frame.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use service::auth::User;
use tokio::time::timeout;

use super::protocol::{ClientFrame, MAX_FRAME, close};
use crate::Gateway;
use crate::metrics;

/// How long the first frame may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a socket is closed before it began.
#[derive(Debug)]
pub struct Rejection {
    /// The metric label.
    pub reason: &'static str,
    /// The close code and what is said with it.
    pub close: (u16, &'static str),
}

/// The user behind `socket`.
pub async fn authenticate(
    gateway: &Gateway,
    offered: Option<String>,
    stream: &mut SplitStream<WebSocket>,
) -> Result<User, Rejection> {
    let token = match offered {
        Some(token) => token,
        None => match timeout(PATIENCE, first_frame(stream)).await {
            Ok(found) => found?,
            Err(_) => {
                return Err(Rejection {
                    reason: "authentication_timeout",
                    close: (close::UNAUTHENTICATED, "not authenticated in time"),
                });
            }
        },
    };
    gateway.verifier.verify(&token).map_err(|error| {
        tracing::info!(reason = error.code(), "websocket_refused");
        unauthenticated("the access token is not valid")
    })
}

async fn first_frame(stream: &mut SplitStream<WebSocket>) -> Result<String, Rejection> {
    loop {
        match stream.next().await {
            Some(Ok(Message::Text(text))) if text.len() <= MAX_FRAME => {
                return match serde_json::from_str(&text) {
                    Ok(ClientFrame::Authenticate { token }) => {
                        metrics::frame_in("authenticate");
                        Ok(token)
                    }
                    _ => {
                        metrics::frame_in("invalid");
                        Err(unauthenticated("the first frame must authenticate"))
                    }
                };
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Text(_))) => {
                return Err(Rejection {
                    reason: "unauthenticated",
                    close: (close::TOO_BIG, "the frame is too big"),
                });
            }
            Some(Ok(Message::Binary(_))) => {
                return Err(unauthenticated("the first frame must authenticate"));
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => {
                return Err(Rejection {
                    reason: "aborted",
                    close: (close::NORMAL, ""),
                });
            }
        }
    }
}

fn unauthenticated(text: &'static str) -> Rejection {
    Rejection {
        reason: "unauthenticated",
        close: (close::UNAUTHENTICATED, text),
    }
}
