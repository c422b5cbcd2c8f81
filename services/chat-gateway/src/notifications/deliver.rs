//! From the table to the sockets: at once, on connect, and once more for what
//! was missed while the fan-out was away.

use std::sync::Arc;
use std::time::Duration;

use telemetry::untraced;
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::store;
use crate::Gateway;
use crate::fanout::Channel;
use crate::metrics;
use crate::socket::Socket;

/// The most that is pushed to a user who comes back; the rest is in the list.
const PAGE: i64 = 50;
/// How often it is looked for what was missed.
const SWEEP_EVERY: Duration = Duration::from_secs(15);
/// Younger ones are still on their way.
const SETTLED_SECONDS: f64 = 5.0;
const USERS_AT_ONCE: usize = 500;
const IDS_AT_ONCE: usize = 200;

/// Pushes to a new socket what its user was not told yet.
pub async fn deliver_pending(gateway: &Gateway, socket: &Socket) {
    match store::pending(&gateway.pool, &[socket.user_id], 0.0, PAGE).await {
        Ok(pending) => pending
            .iter()
            .for_each(|stored| socket.push(stored.envelope(None).outgoing())),
        // The sweep will find them.
        Err(error) => error.log(),
    }
}

/// Looks from time to time, and whenever `missed` says so, for notifications of
/// users who are connected here and were not told.
pub async fn sweep(gateway: Gateway, missed: Arc<Notify>, stop: CancellationToken) {
    loop {
        let settled = tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(SWEEP_EVERY) => SETTLED_SECONDS,
            () = missed.notified() => 0.0,
        };
        let users = gateway.registry.users();
        for some in users.chunks(USERS_AT_ONCE) {
            match untraced(store::pending(&gateway.pool, some, settled, PAGE)).await {
                Ok(pending) => {
                    for stored in pending {
                        let frame = stored.envelope(None).outgoing();
                        gateway
                            .registry
                            .deliver(Channel::User(stored.user_id), &frame, None);
                    }
                }
                Err(error) => error.log(),
            }
        }
    }
}

/// Marks what the sockets have written, several at a time, until all senders
/// are gone or it is told to stop.
pub async fn mark_delivered(
    gateway: Gateway,
    mut written: mpsc::Receiver<Uuid>,
    stop: CancellationToken,
) {
    let mut ids = Vec::with_capacity(IDS_AT_ONCE);
    loop {
        let received = tokio::select! {
            biased;
            received = written.recv_many(&mut ids, IDS_AT_ONCE) => received,
            // Only when nothing is left to mark.
            () = stop.cancelled() => return,
        };
        if received == 0 {
            return;
        }
        match untraced(store::delivered(&gateway.pool, &ids)).await {
            Ok(count) => metrics::NOTIFICATIONS_DELIVERED.increment(count),
            // They will be delivered again, and recognised by their ids.
            Err(error) => error.log(),
        }
        ids.clear();
    }
}
