//! What the stand-in keeps: values with an end, and who listens to what.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use super::resp::Value;

/// Bytes, as Redis keys, values and channel names are.
type Bytes = Vec<u8>;

#[derive(Default)]
pub(super) struct Store {
    values: Mutex<HashMap<Bytes, Entry>>,
    listeners: Mutex<HashMap<Bytes, Vec<Listener>>>,
}

struct Entry {
    value: Bytes,
    until: Option<Instant>,
}

struct Listener {
    connection: u64,
    sender: Sender<Value>,
}

impl Entry {
    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| until <= Instant::now())
    }
}

impl Store {
    pub(super) fn get(&self, key: &[u8]) -> Option<Bytes> {
        let values = self.values();
        let entry = values.get(key).filter(|entry| !entry.is_over())?;
        Some(entry.value.clone())
    }

    /// Says whether the value was set: `only_new` leaves an existing one alone.
    pub(super) fn set(
        &self,
        key: &[u8],
        value: &[u8],
        life: Option<Duration>,
        only_new: bool,
    ) -> bool {
        let mut values = self.values();
        values.retain(|_, entry| !entry.is_over());
        if only_new && values.contains_key(key) {
            return false;
        }
        let until = life.map(|life| Instant::now() + life);
        values.insert(
            key.to_vec(),
            Entry {
                value: value.to_vec(),
                until,
            },
        );
        true
    }

    pub(super) fn delete(&self, key: &[u8]) -> bool {
        self.values()
            .remove(key)
            .is_some_and(|entry| !entry.is_over())
    }

    /// Adds one, from zero; `None` when the value is no number.
    pub(super) fn increment(&self, key: &[u8]) -> Option<i64> {
        let mut values = self.values();
        values.retain(|_, entry| !entry.is_over());
        let entry = values.entry(key.to_vec()).or_insert(Entry {
            value: b"0".to_vec(),
            until: None,
        });
        let number: i64 = std::str::from_utf8(&entry.value).ok()?.parse().ok()?;
        let next = number.checked_add(1)?;
        entry.value = next.to_string().into_bytes();
        Some(next)
    }

    pub(super) fn expire(&self, key: &[u8], life: Duration) -> bool {
        match self.values().get_mut(key).filter(|entry| !entry.is_over()) {
            Some(entry) => {
                entry.until = Some(Instant::now() + life);
                true
            }
            None => false,
        }
    }

    pub(super) fn subscribe(&self, channel: &[u8], connection: u64, sender: Sender<Value>) {
        let mut listeners = self.listeners();
        let channel = listeners.entry(channel.to_vec()).or_default();
        channel.retain(|listener| listener.connection != connection);
        channel.push(Listener { connection, sender });
    }

    pub(super) fn unsubscribe(&self, channel: &[u8], connection: u64) {
        if let Some(listeners) = self.listeners().get_mut(channel) {
            listeners.retain(|listener| listener.connection != connection);
        }
    }

    /// Hands a message to everyone who listens, and counts them. One who does
    /// not keep up is dropped, as Redis does.
    pub(super) fn publish(&self, channel: &[u8], message: &[u8]) -> usize {
        let mut listeners = self.listeners();
        let Some(listeners) = listeners.get_mut(channel) else {
            return 0;
        };
        let push = Value::Push(vec![
            Value::text("message"),
            Value::Bulk(channel.to_vec()),
            Value::Bulk(message.to_vec()),
        ]);
        listeners.retain(|listener| listener.sender.try_send(push.clone()).is_ok());
        listeners.len()
    }

    fn values(&self) -> MutexGuard<'_, HashMap<Bytes, Entry>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listeners(&self) -> MutexGuard<'_, HashMap<Bytes, Vec<Listener>>> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
