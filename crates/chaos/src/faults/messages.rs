//! Messages that nobody should have sent: some that were there before, and some
//! that no consumer can read.

use std::collections::BTreeMap;

use anyhow::Result;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use testkit::Record;
use uuid::Uuid;

use super::Came;
use crate::fault::Topic;
use crate::world::World;

/// A message that must become a dead letter.
#[derive(Clone, Debug)]
pub struct Poisoned {
    /// Where it lies.
    pub topic: Topic,
    /// Where it lies.
    pub partition: i32,
    /// Where it lies.
    pub offset: i64,
    /// What it must die of.
    pub cause: &'static str,
}

/// Sends again what lies on the topic: the same key, headers and body. Not what
/// was poisoned, which would only be more poison.
pub async fn duplicate(
    world: &World,
    topic: Topic,
    count: usize,
    seed: u64,
    poisoned: &[Poisoned],
) -> Result<Came> {
    let name = world.topic(topic);
    let mut random = SmallRng::seed_from_u64(seed);
    let mut records = world.kafka.read(&name).await;
    records.retain(|record| {
        !poisoned.iter().any(|it| {
            (it.topic, it.partition, it.offset) == (topic, record.partition, record.offset)
        })
    });
    let chosen: Vec<&Record> = records.sample(&mut random, count).collect();
    for record in &chosen {
        world.kafka.send(&name, record).await;
    }
    Ok(Came::Done(format!("{} sent again", chosen.len())))
}

/// Sends what no consumer can read.
pub async fn poison(world: &World, topic: Topic, count: usize, seed: u64) -> Vec<Poisoned> {
    let name = world.topic(topic);
    let mut random = SmallRng::seed_from_u64(seed);
    let mut sent = Vec::with_capacity(count);
    for n in 0..count {
        let (record, cause) = brew(topic, n, &mut random);
        let (partition, offset) = world.kafka.send(&name, &record).await;
        sent.push(Poisoned {
            topic,
            partition,
            offset,
            cause,
        });
    }
    sent
}

/// How many of which kind.
pub fn describe(sent: &[Poisoned]) -> String {
    let mut counts = BTreeMap::new();
    for poisoned in sent {
        *counts.entry(poisoned.cause).or_insert(0) += 1;
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(cause, n)| format!("{n} {cause}"))
        .collect();
    counts.join(", ")
}

/// A message, and what it must die of: each kind in turn.
fn brew(topic: Topic, n: usize, random: &mut SmallRng) -> (Record, &'static str) {
    let event_type = match topic {
        Topic::Tasks => "todo.task.created.v1",
        Topic::Notifications => "notification.reminder.v1",
        Topic::Inbound => "chat.inbound.received.v1",
    };
    let mut headers: BTreeMap<String, Vec<u8>> = [
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", Uuid::now_v7().to_string()),
        ("ce_type", event_type.to_owned()),
        ("ce_source", "/chaos".to_owned()),
        ("ce_time", chrono::Utc::now().to_rfc3339()),
        ("content-type", "application/json".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value.into_bytes()))
    .into();
    let mut set = |name: &str, value: &[u8]| headers.insert(name.to_owned(), value.to_vec());
    let mut body = Some(b"{}".to_vec());
    let cause = match n % 8 {
        0 => {
            body = Some(bytes(random, 64));
            "malformed_body"
        }
        1 => {
            body = None;
            "null_payload"
        }
        2 => {
            set("ce_type", b"todo.task.exploded.v1");
            "unknown_type"
        }
        3 => {
            set("ce_type", event_type.replace(".v1", ".v9").as_bytes());
            "unsupported_version"
        }
        4 => {
            set("ce_time", b"noon");
            "malformed_header"
        }
        5 => {
            headers.remove("ce_id");
            "missing_header"
        }
        6 => {
            // As large as the broker takes.
            body = Some(bytes(random, 1_000_000));
            "malformed_body"
        }
        _ => {
            body = Some(br#"{"change": "created", "task": "#.to_vec());
            "malformed_body"
        }
    };
    let record = Record {
        key: Some(Uuid::now_v7().to_string()),
        headers,
        body,
        ..Record::default()
    };
    (record, cause)
}

/// Bytes that no compression makes smaller and no parser reads.
fn bytes(random: &mut SmallRng, count: usize) -> Vec<u8> {
    (0..count).map(|_| random.random_range(128..=255)).collect()
}
