//! The messages on the topics, read as events.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use crate::evidence::Evidence;
use crate::fault::Topic;
use crate::faults::Poisoned;

/// An event, where it first lies.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its identity.
    pub id: String,
    /// Its key.
    pub key: String,
    /// Its partition.
    pub partition: i32,
    /// Its data.
    pub body: Value,
}

impl Event {
    /// The task it is about.
    pub fn task(&self) -> Option<Uuid> {
        self.body["task"]["id"].as_str()?.parse().ok()
    }

    /// The task's version after it.
    pub fn version(&self) -> i64 {
        self.body["task"]["version"].as_i64().unwrap_or_default()
    }

    /// What it says happened.
    pub fn change(&self) -> &str {
        self.body["change"].as_str().unwrap_or_default()
    }

    /// The task's title after it.
    pub fn title(&self) -> &str {
        self.body["task"]["title"].as_str().unwrap_or_default()
    }
}

/// All events of both topics, without what was planted.
#[derive(Debug, Default)]
pub struct Events {
    /// Each event once, in the order of first lying there, by partition.
    pub first: BTreeMap<Topic, Vec<Event>>,
    /// Messages that repeat an event, or are dead letters on their way back.
    pub repeats: BTreeMap<Topic, usize>,
    /// Changes of each task, in the order of lying there.
    pub tasks: BTreeMap<Uuid, Vec<Event>>,
}

impl Events {
    /// Reads them.
    pub fn read(evidence: &Evidence, poisoned: &[Poisoned]) -> Self {
        let planted: BTreeSet<_> = poisoned
            .iter()
            .map(|it| (it.topic, it.partition, it.offset))
            .collect();
        let mut events = Self::default();
        for (topic, records) in &evidence.topics {
            let mut seen = BTreeSet::new();
            let mut first = Vec::new();
            let mut repeats = 0;
            for record in records {
                if planted.contains(&(*topic, record.partition, record.offset)) {
                    continue;
                }
                // A dead letter that was sent back: it dies again.
                if !record.header("dlq_redriven_at").is_empty() {
                    repeats += 1;
                    continue;
                }
                let id = record.header("ce_id");
                if !seen.insert(id.clone()) {
                    repeats += 1;
                    continue;
                }
                let body = record.body.as_deref().unwrap_or_default();
                first.push(Event {
                    id,
                    key: record.key.clone().unwrap_or_default(),
                    partition: record.partition,
                    body: serde_json::from_slice(body).unwrap_or_default(),
                });
            }
            events.first.insert(*topic, first);
            events.repeats.insert(*topic, repeats);
        }
        let changes = events.of(Topic::Tasks).to_vec();
        for event in changes {
            if let Some(task) = event.task() {
                events.tasks.entry(task).or_default().push(event);
            }
        }
        events
    }

    /// Each event of a topic once.
    pub fn of(&self, topic: Topic) -> &[Event] {
        self.first.get(&topic).map_or(&[], Vec::as_slice)
    }
}
