//! Pieces of work on a partition: events of any keys at once, or, after a failure,
//! those of one key.

use std::collections::HashMap;

use rdkafka::message::BorrowedMessage;

use super::Malformed;
use super::partition::{Item, Taken};
use super::waiting::KeyHash;

/// What one piece of work is about.
pub(super) enum Job<'a> {
    /// Of any keys, in order.
    Batch(Batch<'a>),
    /// Of one key, after a failure.
    Alone(Alone<'a>),
}

/// What is to be applied at once.
pub(super) struct Batch<'a> {
    /// Key and bytes of each event.
    pub keyed: Vec<(KeyHash, usize)>,
    pub events: Vec<Taken<'a>>,
    pub refused: Vec<(KeyHash, BorrowedMessage<'a>, Malformed)>,
}

impl<'a> Batch<'a> {
    pub fn new(capacity: usize) -> Self {
        Self {
            keyed: Vec::with_capacity(capacity),
            events: Vec::with_capacity(capacity),
            refused: Vec::new(),
        }
    }

    pub fn add(&mut self, key: KeyHash, item: Item<'a>) {
        match item {
            Item::Event(taken) => {
                self.keyed.push((key, taken.envelope.body().len()));
                self.events.push(taken);
            }
            Item::Refused(message, malformed) => self.refused.push((key, message, malformed)),
        }
    }

    pub fn keys(&self) -> Vec<KeyHash> {
        let events = self.keyed.iter().map(|(key, _)| *key);
        let refused = self.refused.iter().map(|(key, ..)| *key);
        events.chain(refused).collect()
    }
}

/// The events of one key, out of a batch that failed.
pub(super) struct Alone<'a> {
    pub key: KeyHash,
    pub events: Vec<Taken<'a>>,
}

/// A piece of work that ended.
#[derive(Default)]
pub(super) struct Ended<'a> {
    /// Whether it held one of the partition's slots.
    pub was_batch: bool,
    /// Key and bytes of each message that needs no more work here.
    pub done: Vec<(KeyHash, usize)>,
    /// What is to be done key by key.
    pub left: Vec<Alone<'a>>,
}

/// In the order of their first events; that of each key is kept.
pub(super) fn by_key<'a>(events: impl Iterator<Item = (KeyHash, Taken<'a>)>) -> Vec<Alone<'a>> {
    let mut keys: HashMap<KeyHash, usize> = HashMap::new();
    let mut parts: Vec<Alone<'a>> = Vec::new();
    for (key, taken) in events {
        let place = *keys.entry(key).or_insert_with(|| {
            parts.push(Alone {
                key,
                events: Vec::new(),
            });
            parts.len() - 1
        });
        parts[place].events.push(taken);
    }
    parts
}
