//! The writing half of a socket: queue to wire, pings in between.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::SinkExt;
use futures_util::stream::SplitSink;
use telemetry::SpanKind;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Socket;
use super::protocol::close;
use super::queue::{Next, Outgoing};
use crate::Gateway;
use crate::metrics;

/// A frame that takes longer to write meets a reader that does not read.
const PATIENCE: Duration = Duration::from_secs(10);
/// A close frame is a courtesy.
const COURTESY: Duration = Duration::from_secs(1);

/// Writes until the queue ends or the connection breaks. Answers the close code.
pub async fn write(
    gateway: &Gateway,
    socket: &Socket,
    mut sink: SplitSink<WebSocket, Message>,
) -> u16 {
    let mut ping = interval(gateway.config.socket_ping);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping.reset();
    loop {
        let next = tokio::select! {
            next = socket.queue.next() => next,
            _ = ping.tick() => {
                if !matches!(timeout(PATIENCE, sink.send(Message::Ping(Bytes::new()))).await, Ok(Ok(()))) {
                    return close::GONE;
                }
                continue;
            }
        };
        match next {
            Next::Frame(frame) => match timeout(PATIENCE, push(gateway, &mut sink, frame)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return close::GONE,
                Err(_) => {
                    metrics::SLOW_DISCONNECTED.increment(1);
                    socket.queue.abandon(
                        close::TRY_LATER,
                        "too slow: a frame could not be written in time",
                    );
                }
            },
            Next::Close(code, reason) => {
                finish(&mut sink, code, reason).await;
                return code;
            }
        }
    }
}

/// Sends a close frame, if the other side still listens.
pub async fn finish(sink: &mut SplitSink<WebSocket, Message>, code: u16, reason: &'static str) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    // Whether it arrives changes nothing: the connection ends here.
    let _ = timeout(COURTESY, sink.send(Message::Close(Some(frame)))).await;
}

/// Writes one frame, as a span of the trace that it belongs to.
async fn push(
    gateway: &Gateway,
    sink: &mut SplitSink<WebSocket, Message>,
    frame: Outgoing,
) -> Result<(), axum::Error> {
    let mut span = frame.trace.map(|origin| {
        telemetry::span("websocket.push")
            .kind(SpanKind::Producer)
            .attribute("websocket.message.type", frame.kind.label())
            .attribute("websocket.message.size", frame.text.len() as i64)
            .link(&origin)
            .parent(Some(origin))
            .start()
    });
    let written = sink.send(Message::Text(frame.text)).await;
    match (&written, &mut span) {
        (Ok(()), _) => metrics::frame_out(frame.kind),
        (Err(_), Some(span)) => span.error("connection_lost"),
        (Err(_), None) => {}
    }
    if let (Ok(()), Some(notification)) = (&written, frame.notification) {
        // When the marker is behind, the notification is delivered once more
        // later, which clients recognise by its id.
        let _ = gateway.delivered.try_send(notification);
    }
    written
}
