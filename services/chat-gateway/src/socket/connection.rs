//! The life of one socket, from the upgrade to the last byte.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::extract::ws::{Message, WebSocket};
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use service::auth::User;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::authenticate::authenticate;
use super::conversation::{Conversation, Farewell};
use super::pace::Pace;
use super::protocol::{ClientFrame, MAX_FRAME, MAX_MALFORMED, close};
use super::writer::{finish, write};
use super::{Refused, Socket};
use crate::Gateway;
use crate::metrics;
use crate::notifications;

/// Bytes that wait for one socket at most.
const MAX_QUEUED_BYTES: usize = 1 << 20;
/// How long the other side has to answer a close frame.
const FAREWELL: Duration = Duration::from_secs(2);

/// Serves one socket to its end.
pub async fn run(gateway: &Gateway, socket: WebSocket, offered: Option<String>) {
    let (mut sink, mut stream) = socket.split();
    let user = match authenticate(gateway, offered, &mut stream).await {
        Ok(user) => user,
        Err(rejection) => {
            metrics::connection_failed(rejection.reason);
            finish(&mut sink, rejection.close.0, rejection.close.1).await;
            return drain(&mut stream).await;
        }
    };
    let socket = Arc::new(Socket::new(
        user.id,
        gateway.config.socket_queue,
        MAX_QUEUED_BYTES,
    ));
    let live = match gateway.registry.admit(&socket) {
        Ok(live) => live,
        Err(refused) => {
            metrics::connection_failed(refused.reason());
            let (code, reason) = match refused {
                Refused::TooManyOfUser => (close::TRY_LATER, "too many sockets of this user"),
                Refused::Draining => (close::GOING_AWAY, "the server is shutting down"),
            };
            finish(&mut sink, code, reason).await;
            return drain(&mut stream).await;
        }
    };
    let session = Session::begin(&user);
    tracing::info!(user_id = %user.id, session_id = %socket.id, "websocket_connected");
    // Before the conversation: it takes the socket out of the registry when it
    // ends, however it ends.
    let mut conversation = Conversation::new(gateway, Arc::clone(&socket), user);
    conversation.greet(live).await;
    notifications::deliver_pending(gateway, &socket).await;

    let writer_ended = CancellationToken::new();
    let writing = async {
        let code = write(gateway, &socket, sink).await;
        writer_ended.cancel();
        code
    };
    let reading = async {
        if let Some((code, reason)) =
            read(gateway, &mut conversation, &mut stream, &writer_ended).await
        {
            socket.queue.close(code, reason);
        }
        writer_ended.cancelled().await;
        drain(&mut stream).await;
    };
    let (code, ()) = tokio::join!(writing, reading);
    tracing::info!(
        user_id = %socket.user_id,
        session_id = %socket.id,
        code,
        duration_ms = session.since.elapsed().as_millis() as u64,
        "websocket_disconnected"
    );
}

/// Reads frames until there is a reason to close; none if the writer closed
/// already. What was begun is finished first: a frame is never dropped half-way.
async fn read(
    gateway: &Gateway,
    conversation: &mut Conversation<'_>,
    stream: &mut SplitStream<WebSocket>,
    writer_ended: &CancellationToken,
) -> Option<Farewell> {
    let mut malformed = 0;
    let mut pace = Pace::new(gateway.config.socket_rate);
    loop {
        let message = tokio::select! {
            message = timeout(gateway.config.socket_silence, stream.next()) => message,
            () = sleep(until(conversation.user.expires_at)) => {
                return Some((close::UNAUTHENTICATED, "the access token has expired"));
            }
            () = gateway.registry.closing() => {
                return Some((close::GOING_AWAY, "the server is shutting down"));
            }
            () = writer_ended.cancelled() => return None,
        };
        let text = match message {
            Err(_) => return Some((close::SILENT, "nothing was heard for too long")),
            Ok(None | Some(Ok(Message::Close(_)))) => return Some((close::NORMAL, "")),
            Ok(Some(Err(error))) if is_too_big(&error) => {
                return Some((close::TOO_BIG, "the frame is too big"));
            }
            Ok(Some(Err(_))) => return Some((close::NORMAL, "")),
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
            Ok(Some(Ok(Message::Text(text)))) => text,
            Ok(Some(Ok(Message::Binary(_)))) => "".into(),
        };
        if text.len() > MAX_FRAME {
            return Some((close::TOO_BIG, "the frame is too big"));
        }
        pace.turn().await;
        match serde_json::from_str::<ClientFrame>(&text) {
            Ok(frame) => {
                malformed = 0;
                metrics::frame_in(frame.kind());
                if let Err(farewell) = conversation.hear(frame).await {
                    return Some(farewell);
                }
            }
            Err(_) => {
                malformed += 1;
                metrics::frame_in("invalid");
                conversation.refuse(
                    "malformed_frame",
                    "The frame is not JSON of a known type",
                    None,
                );
                if malformed >= MAX_MALFORMED {
                    return Some((close::MALFORMED, "too many malformed frames"));
                }
            }
        }
    }
}

/// Reads on until the other side has closed too, so that it gets to see our
/// close frame rather than a reset.
async fn drain(stream: &mut SplitStream<WebSocket>) {
    let _ = timeout(FAREWELL, async {
        while let Some(Ok(_)) = stream.next().await {}
    })
    .await;
}

fn until(expires_at: u64) -> Duration {
    (UNIX_EPOCH + Duration::from_secs(expires_at))
        .duration_since(SystemTime::now())
        .unwrap_or_default()
}

fn is_too_big(error: &axum::Error) -> bool {
    // The library's error type is not ours to name: its text is stable enough
    // for a choice between two close codes.
    error.to_string().contains("too long")
}

/// A session in the metrics, from its beginning to its drop.
struct Session {
    role: &'static str,
    since: Instant,
}

impl Session {
    fn begin(user: &User) -> Self {
        let role = user.role.as_str();
        metrics::SOCKETS_OPENED.increment(1);
        metrics::SOCKETS_ACTIVE.increment(1.0);
        metrics::sessions(role).0.increment(1.0);
        Self {
            role,
            since: Instant::now(),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        metrics::SOCKETS_ACTIVE.decrement(1.0);
        let (active, duration) = metrics::sessions(self.role);
        active.decrement(1.0);
        duration.record(self.since.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_s_end_is_never_in_the_past() {
        assert_eq!(until(0), Duration::ZERO);
        assert!(until(u64::from(u32::MAX)) > Duration::from_secs(3600));
    }
}
