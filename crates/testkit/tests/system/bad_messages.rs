//! Messages that no service of ours would send end in the dead letters, each
//! with the reason, and what comes after them is processed.

use std::collections::BTreeMap;

use events::contracts::{Change, Event, Priority, Status, TaskEvent, TaskSnapshot};
use testkit::{Kafka, Record, Service, SystemBuilder, eventually};
use uuid::Uuid;

const TOPIC: [(&str, &str); 1] = [("topic", "todo.tasks.v1")];

/// The largest body for which everything has room: the client's own limit.
const LARGE: usize = 1_000_000;
/// What the broker's limit of 1,048,588 bytes still lets through, but not with
/// the headers of a dead letter on top.
const LARGEST: usize = 1_048_000;

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_message_becomes_a_dead_letter_and_the_good_one_after_them_is_processed() {
    let parts = SystemBuilder::new().await;
    let worker = parts.event_worker().start().await;
    let kafka = Kafka::new(&parts.backing.kafka);
    let topic = format!("{}todo.tasks.v1", parts.prefix);

    // One key: all of them stand in one partition, before the good one.
    let task = Uuid::now_v7();
    let bad = bad_messages(task);
    let mut sent = Vec::new();
    for (what, record, cause) in &bad {
        sent.push((*what, *cause, kafka.send(&topic, record).await, record));
    }
    kafka.send(&topic, &good(task, Uuid::now_v7())).await;

    eventually("the good message is processed", || async {
        let samples = worker.metrics().await;
        let labels = [TOPIC[0], ("status", "success")];
        (samples.sum("kafka_consumer_messages_total", &labels) == 1.0).then_some(())
    })
    .await;
    let samples = worker.metrics().await;
    let count = bad.len() as f64;
    assert_eq!(samples.sum("kafka_dead_letters_total", &TOPIC), count);
    let errors = [TOPIC[0], ("status", "error")];
    assert_eq!(samples.sum("kafka_consumer_messages_total", &errors), count);
    still_ready(&worker).await;

    let letters = kafka.read(&format!("{topic}.dlq")).await;
    assert_eq!(letters.len(), bad.len());
    for (what, cause, (partition, offset), record) in sent {
        let letter = letters
            .iter()
            .find(|letter| {
                letter.header("dlq_origin_partition") == partition.to_string()
                    && letter.header("dlq_origin_offset") == offset.to_string()
            })
            .unwrap_or_else(|| panic!("no dead letter for {what}"));
        assert_eq!(letter.header("dlq_cause"), cause, "{what}");
        assert_eq!(letter.header("dlq_origin_topic"), "todo.tasks.v1", "{what}");
        assert_eq!(letter.header("dlq_attempts"), "1", "{what}");
        assert_eq!(letter.key, record.key, "{what}");
        let left = letter.header("dlq_detail").contains("left at the origin");
        assert!(
            letter.body == record.body || (left && letter.body.is_none()),
            "{what}: the body changed: {}",
            letter.header("dlq_detail")
        );
        assert!(!left || what == "the largest", "{what} was not kept");
        for (name, value) in &record.headers {
            assert_eq!(letter.headers.get(name), Some(value), "{what}: {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_delivery_of_an_event_changes_nothing() {
    let parts = SystemBuilder::new().await;
    let worker = parts.event_worker().start().await;
    let kafka = Kafka::new(&parts.backing.kafka);
    let topic = format!("{}todo.tasks.v1", parts.prefix);
    let event = good(Uuid::now_v7(), Uuid::now_v7());
    kafka.send(&topic, &event).await;
    eventually("the reminder fires", || async {
        (worker.metrics().await.sum("reminders_fired_total", &[]) == 1.0).then_some(())
    })
    .await;

    kafka.send(&topic, &event).await;
    // Another one, to see that the work went on after the second delivery.
    let other = Record {
        key: event.key.clone(),
        ..good(Uuid::now_v7(), Uuid::now_v7())
    };
    kafka.send(&topic, &other).await;
    eventually("the reminder of the other task fires", || async {
        (worker.metrics().await.sum("reminders_fired_total", &[]) == 2.0).then_some(())
    })
    .await;
    let samples = worker.metrics().await;
    assert_eq!(samples.sum("kafka_duplicates_skipped_total", &TOPIC), 1.0);
    assert_eq!(samples.sum("kafka_dead_letters_total", &TOPIC), 0.0);

    let notifications = parts.published("event-worker", "notifications.v1").await;
    let of = |record: &Record| {
        let task = record.json()["task"]["id"].clone();
        let about = |told: &&Record| told.json()["task_id"] == task;
        notifications.iter().filter(about).count()
    };
    assert_eq!((of(&event), of(&other)), (1, 1));
}

async fn still_ready(worker: &Service) {
    assert_eq!(worker.probe("/health/ready").await.0, 200);
    assert_eq!(worker.probe("/health/live").await.0, 200);
}

/// What a new task with a reminder for now would be told as.
fn good(task: Uuid, id: Uuid) -> Record {
    let now = chrono::Utc::now();
    let event = TaskEvent {
        change: Change::Created,
        task: TaskSnapshot {
            id: task,
            user_id: Uuid::now_v7(),
            title: "water the plants".to_owned(),
            status: Status::Open,
            priority: Priority::Normal,
            tags: Vec::new(),
            due_at: None,
            remind_at: Some(now),
            reminders: None,
            time_zone: None,
            series: None,
            version: 1,
            updated_at: now,
        },
    };
    let headers = [
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", id.to_string()),
        ("ce_type", event.event_type().to_owned()),
        ("ce_source", event.source().to_owned()),
        ("ce_time", now.to_rfc3339()),
        ("content-type", "application/json".to_owned()),
    ];
    Record {
        key: Some(event.key()),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.into_bytes()))
            .into(),
        body: Some(serde_json::to_vec(&event).expect("JSON")),
        ..Record::default()
    }
}

/// What is wrong, the message, and the cause it must die of.
fn bad_messages(task: Uuid) -> Vec<(&'static str, Record, &'static str)> {
    let fine = || good(task, Uuid::now_v7());
    let header = |name: &str, value: &[u8]| {
        let mut record = fine();
        record.headers.insert(name.to_owned(), value.to_vec());
        record
    };
    let without = |name: &str| {
        let mut record = fine();
        record.headers.remove(name);
        record
    };
    let body = |body: &[u8]| Record {
        body: Some(body.to_vec()),
        ..fine()
    };
    // Bytes that no compression makes smaller and no parser reads.
    let noise = |size: usize| -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .take(size)
        .collect()
    };
    vec![
        (
            "no UTF-8",
            body(&[0xff, 0xfe, 0x00, 0x80]),
            "malformed_body",
        ),
        ("nothing", body(b""), "malformed_body"),
        (
            "half of it",
            body(br#"{"change": "created", "#),
            "malformed_body",
        ),
        ("other JSON", body(br#"{"lamp": "on"}"#), "malformed_body"),
        ("a number", body(b"7"), "malformed_body"),
        ("deep nesting", body(&[b'['; 100_000]), "malformed_body"),
        (
            "a body of another change",
            header("ce_type", b"todo.task.deleted.v1"),
            "malformed_body",
        ),
        (
            "no headers",
            Record {
                headers: BTreeMap::new(),
                ..fine()
            },
            "missing_header",
        ),
        ("no version", without("ce_specversion"), "missing_header"),
        ("no id", without("ce_id"), "missing_header"),
        ("no type", without("ce_type"), "missing_header"),
        ("no source", without("ce_source"), "missing_header"),
        ("no time", without("ce_time"), "missing_header"),
        ("no real id", header("ce_id", b"7"), "malformed_header"),
        (
            "no real time",
            header("ce_time", b"noon"),
            "malformed_header",
        ),
        ("an empty type", header("ce_type", b""), "malformed_header"),
        (
            "bytes as type",
            header("ce_type", &[0xff]),
            "malformed_header",
        ),
        (
            "a long type",
            header("ce_type", &[b'x'; 9000]),
            "malformed_header",
        ),
        (
            "an unknown type",
            header("ce_type", b"todo.task.exploded.v1"),
            "unknown_type",
        ),
        (
            "a newer schema",
            header("ce_type", b"todo.task.created.v2"),
            "unsupported_version",
        ),
        (
            "another CloudEvents",
            header("ce_specversion", b"2.0"),
            "unsupported_version",
        ),
        (
            "another format",
            header("content-type", b"application/avro"),
            "unsupported_version",
        ),
        (
            "a tombstone",
            Record {
                body: None,
                ..fine()
            },
            "null_payload",
        ),
        ("a large one", body(&noise(LARGE)), "malformed_body"),
        ("the largest", body(&noise(LARGEST)), "malformed_body"),
    ]
}
