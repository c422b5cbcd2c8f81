//! Which sockets live in this process, and what each of them wants to hear.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Socket;
use super::protocol::close;
use super::queue::{Outgoing, Pushed};
use crate::fanout::Channel;
use crate::metrics;

/// Why a socket was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The user has as many sockets as one user may have.
    TooManyOfUser,
    /// The service shuts down.
    Draining,
}

#[derive(Debug)]
struct Audience {
    sockets: HashMap<Uuid, Arc<Socket>>,
    /// True while the fan-out delivers this channel to this process.
    live: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Inner {
    audiences: HashMap<Channel, Audience>,
    /// Channels whose audience appeared or vanished since the fan-out looked.
    changed: HashSet<Channel>,
}

/// The sockets of this process by channel.
#[derive(Debug)]
pub struct Registry {
    inner: Mutex<Inner>,
    changed: Notify,
    closing: CancellationToken,
    max_per_user: usize,
}

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new(max_per_user: usize) -> Self {
        Self {
            inner: Mutex::default(),
            changed: Notify::new(),
            closing: CancellationToken::new(),
            max_per_user,
        }
    }

    /// Takes in an authenticated socket as a listener of its user's channel.
    ///
    /// # Errors
    /// When the user has too many sockets, or the service shuts down.
    pub fn admit(&self, socket: &Arc<Socket>) -> Result<watch::Receiver<bool>, Refused> {
        let channel = Channel::User(socket.user_id);
        let inner = self.lock();
        if self.closing.is_cancelled() {
            return Err(Refused::Draining);
        }
        if inner
            .audiences
            .get(&channel)
            .is_some_and(|audience| audience.sockets.len() >= self.max_per_user)
        {
            return Err(Refused::TooManyOfUser);
        }
        Ok(self.add(inner, channel, socket))
    }

    /// Lets an admitted socket hear `channel`. The receiver turns true once
    /// what is published from then on arrives.
    pub fn listen(&self, channel: Channel, socket: &Arc<Socket>) -> watch::Receiver<bool> {
        self.add(self.lock(), channel, socket)
    }

    fn add(
        &self,
        mut inner: MutexGuard<'_, Inner>,
        channel: Channel,
        socket: &Arc<Socket>,
    ) -> watch::Receiver<bool> {
        let mut appeared = false;
        let audience = inner.audiences.entry(channel).or_insert_with(|| {
            appeared = true;
            Audience {
                sockets: HashMap::new(),
                live: watch::Sender::new(false),
            }
        });
        audience.sockets.insert(socket.id, Arc::clone(socket));
        let live = audience.live.subscribe();
        if appeared {
            inner.changed.insert(channel);
            drop(inner);
            self.changed.notify_one();
        }
        live
    }

    /// Stops `socket` from hearing the given channels.
    pub fn forget(&self, socket: Uuid, channels: impl IntoIterator<Item = Channel>) {
        let mut vanished = false;
        let mut inner = self.lock();
        for channel in channels {
            let Some(audience) = inner.audiences.get_mut(&channel) else {
                continue;
            };
            audience.sockets.remove(&socket);
            if audience.sockets.is_empty() {
                inner.audiences.remove(&channel);
                inner.changed.insert(channel);
                vanished = true;
            }
        }
        drop(inner);
        if vanished {
            self.changed.notify_one();
        }
    }

    /// Queues `frame` at every socket that hears `channel`, except one.
    pub fn deliver(&self, channel: Channel, frame: &Outgoing, except: Option<Uuid>) {
        // Pushing never waits, so the lock is held for microseconds.
        let inner = self.lock();
        let Some(audience) = inner.audiences.get(&channel) else {
            return;
        };
        for socket in audience
            .sockets
            .values()
            .filter(|socket| Some(socket.id) != except)
        {
            socket.push(frame.clone());
        }
    }

    /// Whether anybody here hears `channel`.
    #[must_use]
    pub fn wants(&self, channel: Channel) -> bool {
        self.lock().audiences.contains_key(&channel)
    }

    /// Tells those who wait for it whether `channel` is delivered to this process.
    pub fn set_live(&self, channel: Channel, live: bool) {
        if let Some(audience) = self.lock().audiences.get(&channel) {
            audience.live.send_replace(live);
        }
    }

    /// Marks every channel as not delivered and as changed: the fan-out's
    /// connection is gone, all of it must be asked for again.
    pub fn all_lost(&self) {
        let mut inner = self.lock();
        for audience in inner.audiences.values() {
            audience.live.send_replace(false);
        }
        inner.changed = inner.audiences.keys().copied().collect();
        drop(inner);
        self.changed.notify_one();
    }

    /// Waits until the audience of some channels appeared or vanished.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The channels of [`Registry::changed`], at most `limit`; the rest stays.
    pub fn take_changed(&self, limit: usize) -> Vec<Channel> {
        let mut inner = self.lock();
        let taken: Vec<Channel> = inner.changed.iter().copied().take(limit).collect();
        for channel in &taken {
            inner.changed.remove(channel);
        }
        taken
    }

    /// The users with a socket here.
    #[must_use]
    pub fn users(&self) -> Vec<Uuid> {
        let inner = self.lock();
        inner
            .audiences
            .keys()
            .filter_map(|channel| match channel {
                Channel::User(user) => Some(*user),
                Channel::Room(_) => None,
            })
            .collect()
    }

    /// Asks every socket to finish and close, and admits no more.
    pub fn close_all(&self) {
        // Under the lock: nobody is admitted who does not hear of it.
        let _inner = self.lock();
        self.closing.cancel();
    }

    /// Ends when the sockets shall close.
    pub async fn closing(&self) {
        self.closing.cancelled().await;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is complete before anything in it could panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Socket {
    /// Queues a frame; a socket that cannot keep up loses small talk first, and
    /// is closed when even the essential does not fit.
    pub fn push(&self, frame: Outgoing) {
        match self.queue.push(frame) {
            Pushed::Queued | Pushed::Closed => {}
            Pushed::Dropped => metrics::SLOW_DROPPED.increment(1),
            Pushed::Overflow => {
                metrics::SLOW_DISCONNECTED.increment(1);
                self.queue
                    .abandon(close::TRY_LATER, "too slow: the send queue is full");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::protocol::Kind;
    use crate::socket::queue::Next;
    use axum::extract::ws::Utf8Bytes;

    fn socket(user: Uuid) -> Arc<Socket> {
        Arc::new(Socket::new(user, 8, 1024))
    }

    #[tokio::test]
    async fn frames_reach_the_audience_and_nobody_else() {
        let (ada, bob) = (Uuid::new_v4(), Uuid::new_v4());
        let registry = Registry::new(2);
        let (first, second, third) = (socket(ada), socket(ada), socket(bob));
        for one in [&first, &second, &third] {
            registry.admit(one).expect("admitted");
        }
        assert_eq!(
            registry.admit(&socket(ada)).err(),
            Some(Refused::TooManyOfUser)
        );
        let frame = Outgoing {
            text: Utf8Bytes::from_static("{}"),
            kind: Kind::Task,
            trace: None,
            notification: None,
        };
        registry.deliver(Channel::User(ada), &frame, Some(second.id));
        registry.close_all();
        for one in [&first, &second, &third] {
            one.queue.close(close::GOING_AWAY, "");
        }
        assert!(matches!(first.queue.next().await, Next::Frame(_)));
        assert!(matches!(second.queue.next().await, Next::Close(1001, _)));
        assert!(matches!(third.queue.next().await, Next::Close(1001, _)));
        assert_eq!(registry.admit(&socket(bob)).err(), Some(Refused::Draining));
    }

    #[test]
    fn the_fan_out_hears_of_first_and_last_listeners_only() {
        let registry = Registry::new(9);
        let room = Channel::Room(Uuid::new_v4());
        let (first, second) = (socket(Uuid::new_v4()), socket(Uuid::new_v4()));
        let live = registry.listen(room, &first);
        assert_eq!(registry.take_changed(9), [room]);
        registry.set_live(room, true);
        assert!(*live.borrow());
        assert!(*registry.listen(room, &second).borrow());
        registry.forget(first.id, [room]);
        assert!(registry.take_changed(9).is_empty() && registry.wants(room));
        registry.forget(second.id, [room]);
        assert_eq!(registry.take_changed(9), [room]);
        assert!(!registry.wants(room));
        registry.all_lost();
        assert!(registry.take_changed(9).is_empty());
    }
}
