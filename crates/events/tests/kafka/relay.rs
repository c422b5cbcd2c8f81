//! What leaves the outbox: all of it, in the order of each key, soon.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use events::outbox::{Relay, set_aside, try_again};
use events::producer::{Producer, Record};
use events::redrive::Filter;
use events::topics::Topic;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rdkafka::message::OwnedHeaders;
use sqlx::PgPool;
use testkit::eventually;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::rig::Rig;

/// Nothing listens there.
const NOBODY: &str = "127.0.0.1:9";

struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn relay(rig: &Rig, brokers: &str) -> Running {
    let producer = Producer::connect(brokers, "tested", &rig.prefix).expect("a producer");
    let relay = Relay::new(rig.pool.clone(), producer, &[Topic::TodoTasks]);
    let stop = CancellationToken::new();
    Running {
        task: tokio::spawn(relay.run(stop.clone())),
        stop,
    }
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("no panic");
    }
}

async fn write(pool: &PgPool, topic: &str, key: &str, n: usize) {
    sqlx::query(
        "INSERT INTO outbox (id, topic, key, type, source, body)
         VALUES ($1, $2, $3, 'test.counted.v1', 'test', $4)",
    )
    .bind(Uuid::now_v7())
    .bind(topic)
    .bind(key)
    .bind(n.to_string().into_bytes())
    .execute(pool)
    .await
    .expect("a row");
}

async fn waiting(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM outbox WHERE failed_at IS NULL")
        .fetch_one(pool)
        .await
        .expect("a count")
}

async fn sent(rig: &Rig) {
    eventually("the outbox is empty", || async {
        (waiting(&rig.pool).await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_relays_that_come_and_go_keep_the_order_of_each_key() {
    const KEYS: usize = 40;
    const EACH: usize = 50;
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let rig = Rig::new().await;
    let writers: Vec<_> = (0..8u64)
        .map(|writer| {
            let pool = rig.pool.clone();
            tokio::spawn(async move {
                let mut random = StdRng::seed_from_u64(seed ^ writer);
                let keys: Vec<usize> = (0..KEYS).filter(|key| key % 8 == writer as usize).collect();
                let mut next = vec![0; keys.len()];
                while next.iter().any(|n| *n < EACH) {
                    let place = random.random_range(0..keys.len());
                    if next[place] < EACH {
                        let key = format!("key-{}", keys[place]);
                        write(&pool, Topic::TodoTasks.name(), &key, next[place]).await;
                        next[place] += 1;
                    }
                }
            })
        })
        .collect();
    let mut random = StdRng::seed_from_u64(seed);
    let mut relays: Vec<Running> = (0..3).map(|_| relay(&rig, &rig.backing.kafka)).collect();
    for writer in writers {
        // Some relays end in the middle of their work, one as if it was killed.
        let ending = relays.swap_remove(random.random_range(0..relays.len()));
        if random.random() {
            ending.task.abort();
        } else {
            ending.stop().await;
        }
        relays.push(relay(&rig, &rig.backing.kafka));
        writer.await.expect("a writer");
    }
    sent(&rig).await;
    for relay in relays {
        relay.stop().await;
    }
    let mut orders: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut seen = HashSet::new();
    let mut twice = 0;
    for record in rig.kafka.read(&rig.topic()).await {
        // A relay that was killed may have sent what it did not delete.
        if !seen.insert(record.header("ce_id")) {
            twice += 1;
            continue;
        }
        let n = record.json().as_u64().expect("a number");
        let order = orders.entry(record.key.expect("a key")).or_default();
        order.push(usize::try_from(n).expect("a small number"));
    }
    println!("{twice} sent twice");
    let expected: BTreeMap<String, Vec<usize>> = (0..KEYS)
        .map(|key| (format!("key-{key}"), (0..EACH).collect()))
        .collect();
    assert_eq!(orders, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_at_rest_hears_of_every_event() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let rig = Rig::new().await;
    let relays = [
        relay(&rig, &rig.backing.kafka),
        relay(&rig, &rig.backing.kafka),
    ];
    write(&rig.pool, Topic::TodoTasks.name(), "first", 0).await;
    sent(&rig).await;
    for round in 0..60 {
        let began = Instant::now();
        for n in 0..random.random_range(1..12) {
            let key = format!("key-{n}");
            write(&rig.pool, Topic::TodoTasks.name(), &key, round).await;
        }
        sent(&rig).await;
        // One that nobody rang for would wait for the slow poll, after five.
        let took = began.elapsed();
        assert!(took < Duration::from_secs(3), "round {round}: {took:?}");
    }
    for relay in relays {
        relay.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_brokers_a_relay_stops_within_a_second_and_loses_nothing() {
    let rig = Rig::new().await;
    let away = relay(&rig, NOBODY);
    for n in 0..200 {
        write(&rig.pool, Topic::TodoTasks.name(), &format!("key-{n}"), n).await;
    }
    eventually("it has taken rows up", || async {
        let free: Vec<i16> =
            sqlx::query_scalar("SELECT shard FROM outbox_shards FOR UPDATE SKIP LOCKED")
                .fetch_all(&rig.pool)
                .await
                .expect("shards");
        (free.len() < 16).then_some(())
    })
    .await;
    let began = Instant::now();
    away.stop().await;
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(waiting(&rig.pool).await, 200);

    let there = relay(&rig, &rig.backing.kafka);
    sent(&rig).await;
    there.stop().await;
    assert_eq!(rig.kafka.read(&rig.topic()).await.len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_sent_is_set_aside_and_can_be_tried_again() {
    let rig = Rig::new().await;
    let relay = relay(&rig, &rig.backing.kafka);
    // No topic can have this name. The same key: what follows must not wait for it.
    write(&rig.pool, "no such/topic", "key", 0).await;
    write(&rig.pool, Topic::TodoTasks.name(), "key", 1).await;
    sent(&rig).await;
    let rows = set_aside(&rig.pool, &Filter::default())
        .await
        .expect("rows");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((rows[0].count, rows[0].matching), (1, 1));
    assert!(rows[0].cause.contains("refused"), "{:?}", rows[0].cause);

    let other = Filter {
        key: Some("other".to_owned()),
        ..Filter::default()
    };
    assert_eq!(try_again(&rig.pool, &other, None).await.expect("none"), 0);
    sqlx::query("UPDATE outbox SET topic = $1")
        .bind(Topic::TodoTasks.name())
        .execute(&rig.pool)
        .await
        .expect("repaired");
    let again = try_again(&rig.pool, &Filter::default(), Some(10)).await;
    assert_eq!(again.expect("handed back"), 1);
    sent(&rig).await;
    relay.stop().await;
    let records = rig.kafka.read(&rig.topic()).await;
    let numbers: Vec<_> = records.iter().map(|record| record.json()).collect();
    assert_eq!(numbers, [1, 0]);
    assert!(
        set_aside(&rig.pool, &Filter::default())
            .await
            .expect("rows")
            .is_empty()
    );
}

#[tokio::test]
async fn a_full_producer_queue_pushes_back() {
    let producer = Producer::connect(NOBODY, "full", "").expect("a producer");
    let record = || Record {
        topic: "todo.tasks.v1",
        key: None,
        body: Some(&[0; 32 * 1024]),
        headers: OwnedHeaders::new(),
        timestamp: None,
    };
    let mut taken = 0;
    let full = async {
        loop {
            drop(producer.enqueue(record()).await.expect("no refusal"));
            taken += 1;
        }
    };
    // It never ends; where it stands still is what is looked at.
    let stood_still = tokio::time::timeout(Duration::from_secs(2), full).await;
    assert!(stood_still.is_err());
    // 32 MiB are the bound.
    assert!((900..=1024).contains(&taken), "{taken} messages were taken");
}
