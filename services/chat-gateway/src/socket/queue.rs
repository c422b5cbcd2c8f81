//! The bounded queue between whoever has something to say and one socket.
//!
//! A reader that is too slow must cost neither memory nor the others' time:
//! pushing never waits. When the queue is full, the oldest frame that may be
//! missed makes room; when there is none, the socket is closed.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use telemetry::Context;
use tokio::sync::Notify;
use uuid::Uuid;

use super::protocol::Kind;

/// A frame on its way to a socket.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The JSON text, shared by all receivers.
    pub text: Utf8Bytes,
    /// Which frame it is.
    pub kind: Kind,
    /// The trace it belongs to.
    pub trace: Option<Context>,
    /// The notification to mark as delivered once it is written.
    pub notification: Option<Uuid>,
}

/// What happened to a pushed frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It waits in the queue.
    Queued,
    /// It waits in the queue, and an older one was dropped for it; or it was
    /// itself the one that could be missed.
    Dropped,
    /// Nothing could be dropped: the socket must be closed.
    Overflow,
    /// The queue is closed.
    Closed,
}

/// What the writer does next.
#[derive(Debug)]
pub enum Next {
    /// Write this.
    Frame(Outgoing),
    /// Send a close frame and stop.
    Close(u16, &'static str),
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Outgoing>,
    bytes: usize,
    close: Option<(u16, &'static str)>,
}

/// One socket's queue; any number of pushers, one writer.
#[derive(Debug)]
pub struct SendQueue {
    waiting: Mutex<Waiting>,
    changed: Notify,
    max_frames: usize,
    max_bytes: usize,
}

impl SendQueue {
    /// A queue that holds at most `max_frames` and `max_bytes`.
    #[must_use]
    pub fn new(max_frames: usize, max_bytes: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            changed: Notify::new(),
            max_frames,
            max_bytes,
        }
    }

    /// Adds a frame without waiting.
    pub fn push(&self, frame: Outgoing) -> Pushed {
        let mut waiting = self.lock();
        if waiting.close.is_some() {
            return Pushed::Closed;
        }
        let mut outcome = Pushed::Queued;
        while waiting.frames.len() >= self.max_frames
            || waiting.bytes + frame.text.len() > self.max_bytes
        {
            let Some(victim) = waiting
                .frames
                .iter()
                .position(|old| old.kind.may_be_dropped())
            else {
                return if frame.kind.may_be_dropped() {
                    Pushed::Dropped
                } else {
                    Pushed::Overflow
                };
            };
            if let Some(old) = waiting.frames.remove(victim) {
                waiting.bytes -= old.text.len();
            }
            outcome = Pushed::Dropped;
        }
        waiting.bytes += frame.text.len();
        waiting.frames.push_back(frame);
        drop(waiting);
        self.changed.notify_one();
        outcome
    }

    /// Ends the queue: what waits is still written, then the close frame. The
    /// first reason given stands.
    pub fn close(&self, code: u16, reason: &'static str) {
        self.lock().close.get_or_insert((code, reason));
        self.changed.notify_one();
    }

    /// Ends the queue at once: what waits is given up.
    pub fn abandon(&self, code: u16, reason: &'static str) {
        let mut waiting = self.lock();
        waiting.frames.clear();
        waiting.bytes = 0;
        waiting.close.get_or_insert((code, reason));
        drop(waiting);
        self.changed.notify_one();
    }

    /// The next thing to write, waiting for it. Loses nothing when cancelled.
    pub async fn next(&self) -> Next {
        loop {
            {
                let mut waiting = self.lock();
                if let Some(frame) = waiting.frames.pop_front() {
                    waiting.bytes -= frame.text.len();
                    return Next::Frame(frame);
                }
                if let Some((code, reason)) = waiting.close {
                    return Next::Close(code, reason);
                }
            }
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing inside can panic half-way; a poisoned queue is still whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str, kind: Kind) -> Outgoing {
        Outgoing {
            text: Utf8Bytes::from(text.to_owned()),
            kind,
            trace: None,
            notification: None,
        }
    }

    async fn texts(queue: &SendQueue) -> Vec<String> {
        let mut found = vec![];
        while let Next::Frame(next) = queue.next().await {
            found.push(next.text.to_string());
        }
        found
    }

    #[tokio::test]
    async fn the_oldest_that_may_be_missed_makes_room() {
        let queue = SendQueue::new(3, 1000);
        assert_eq!(queue.push(frame("task", Kind::Task)), Pushed::Queued);
        assert_eq!(queue.push(frame("one", Kind::Message)), Pushed::Queued);
        assert_eq!(queue.push(frame("two", Kind::Message)), Pushed::Queued);
        assert_eq!(
            queue.push(frame("notification", Kind::Notification)),
            Pushed::Dropped
        );
        queue.close(1001, "bye");
        assert_eq!(texts(&queue).await, ["task", "two", "notification"]);
    }

    #[tokio::test]
    async fn a_queue_full_of_essentials_overflows_but_survives_small_talk() {
        let queue = SendQueue::new(1, 1000);
        assert_eq!(queue.push(frame("task", Kind::Task)), Pushed::Queued);
        assert_eq!(queue.push(frame("hello", Kind::Message)), Pushed::Dropped);
        assert_eq!(queue.push(frame("task", Kind::Task)), Pushed::Overflow);
        queue.abandon(1013, "slow");
        assert_eq!(queue.push(frame("late", Kind::Task)), Pushed::Closed);
        assert!(matches!(queue.next().await, Next::Close(1013, "slow")));
    }

    #[tokio::test]
    async fn bytes_are_bounded_too() {
        let queue = SendQueue::new(100, 10);
        assert_eq!(queue.push(frame("12345678", Kind::Message)), Pushed::Queued);
        assert_eq!(
            queue.push(frame("abcdefgh", Kind::Message)),
            Pushed::Dropped
        );
        queue.close(1001, "bye");
        assert_eq!(texts(&queue).await, ["abcdefgh"]);
    }
}
