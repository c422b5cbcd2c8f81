//! What takes effect, how often, in which order, and what the group has committed
//! meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use events::consumer::{Envelope, Handler, HandlerError, Outcome};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::PgTransaction;
use testkit::eventually;
use tokio::sync::Semaphore;

use crate::rig::{self, Counted, Rig};

/// Notes each event; but some keys only when they may.
#[derive(Clone)]
struct Gated {
    gate: Arc<Semaphore>,
}

impl Handler for Gated {
    async fn handle(
        &self,
        tx: &mut PgTransaction<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<Outcome, HandlerError> {
        let key = envelope.key().unwrap_or_default();
        if key.starts_with("slow") {
            drop(self.gate.acquire().await);
        }
        if key.starts_with("failing") && self.gate.available_permits() == 0 {
            return Err(HandlerError::transient("locked", "not yet"));
        }
        rig::note(tx, envelope).await?;
        Ok(Outcome::Done)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_keys_of_the_partition_go_on_while_one_waits_and_the_position_does_not() {
    for what in ["slow", "failing"] {
        let rig = Rig::new().await;
        // The first message of its partition, and many others behind it.
        let (partition, first) = rig.send(what, 0).await;
        let mut others = Vec::new();
        let mut elsewhere = None;
        for n in 0..100 {
            let key = format!("key-{n}");
            let (at, _) = rig.send(&key, 0).await;
            if at == partition {
                others.push(key);
            } else {
                elsewhere = Some(at);
            }
        }
        let after = rig.send(what, 1).await;
        assert_eq!(after.0, partition);
        let elsewhere = elsewhere.expect("three partitions");

        let gate = Arc::new(Semaphore::new(0));
        let member = rig.member(Gated { gate: gate.clone() }, |settings| {
            settings.budget.attempts = 10_000;
            settings.budget.cap = Duration::from_millis(50);
        });
        eventually("all others took effect", || async {
            let done = rig.effects().await;
            let all = others.iter().all(|key| done.contains_key(key));
            all.then_some(())
        })
        .await;
        assert!(!rig.effects().await.contains_key(what));
        // What moved is committed for all partitions at once.
        eventually("a commit", || async {
            rig.committed().await.get(&elsewhere).copied()
        })
        .await;
        let committed = rig.committed().await.get(&partition).copied();
        assert!(committed.unwrap_or(0) <= first, "{committed:?} > {first}");

        gate.add_permits(1000);
        eventually("the one that waited", || async {
            let done = rig.effects().await;
            (done.get(what) == Some(&vec![0, 1])).then_some(())
        })
        .await;
        member.stop().await;
        assert_eq!(rig.committed().await.get(&partition), Some(&(after.1 + 1)));
    }
}

/// Fails now and then, by a seed.
struct Unreliable {
    random: std::sync::Mutex<StdRng>,
}

impl Handler for Unreliable {
    async fn handle(
        &self,
        tx: &mut PgTransaction<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<Outcome, HandlerError> {
        let (before, kind) = {
            let mut random = self.random.lock().expect("not poisoned");
            (random.random_bool(0.5), random.random_range(0..40))
        };
        let fail = || match kind {
            0 => Err(HandlerError::transient("locked", "by chance")),
            1 => Err(HandlerError::Unavailable {
                cause: "database",
                detail: "by chance".to_owned(),
            }),
            _ => Ok(()),
        };
        if before {
            fail()?;
        }
        rig::note(tx, envelope).await?;
        fail()?;
        Ok(Outcome::Done)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_takes_effect_once_and_in_order_over_failures_and_members_that_come_and_go() {
    const KEYS: usize = 20;
    const EACH: usize = 60;
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let rig = Rig::new().await;
    let mut next = [0; KEYS];
    let mut members = Vec::new();
    let mut sent = 0;
    while sent < KEYS * EACH {
        let key = random.random_range(0..KEYS);
        if next[key] == EACH {
            continue;
        }
        rig.send(&format!("key-{key}"), next[key]).await;
        next[key] += 1;
        sent += 1;
        if sent % 200 == 1 {
            let random = std::sync::Mutex::new(StdRng::seed_from_u64(random.random()));
            members.push(rig.member(Unreliable { random }, |settings| {
                // Chance shall not kill an event.
                settings.budget.attempts = 1000;
                settings.budget.base = Duration::from_millis(2);
                settings.budget.cap = Duration::from_millis(20);
            }));
        }
        if members.len() > 2 {
            let leaving = members.swap_remove(random.random_range(0..members.len()));
            leaving.stop().await;
        }
    }
    eventually("all took effect", || async {
        let done: usize = rig.effects().await.values().map(Vec::len).sum();
        (done >= sent).then_some(())
    })
    .await;
    for member in members {
        member.stop().await;
    }
    let expected: BTreeMap<String, Vec<i32>> = (0..KEYS)
        .map(|key| (format!("key-{key}"), (0..EACH as i32).collect()))
        .collect();
    assert_eq!(rig.effects().await, expected);

    // Who leaves in the middle of a rebalance may not get to commit. What it has done
    // is delivered again then, and known.
    let calls = Arc::new(AtomicUsize::new(0));
    let slow = Slow {
        time: Duration::ZERO,
        calls: calls.clone(),
    };
    let last = rig.member(slow, |_| {});
    eventually("all is committed", || async {
        let committed: i64 = rig.committed().await.values().sum();
        (committed >= sent as i64).then_some(())
    })
    .await;
    last.stop().await;
    let committed: i64 = rig.committed().await.values().sum();
    assert_eq!(committed, sent as i64, "all is committed, and no more");
    assert_eq!(calls.load(Ordering::SeqCst), 0, "handled again");
    assert_eq!(rig.effects().await, expected);
    assert!(rig.dead_letters().await.is_empty());
}

/// Takes its time with the first event, and counts how often it is called.
#[derive(Clone)]
struct Slow {
    time: Duration,
    calls: Arc<AtomicUsize>,
}

impl Handler for Slow {
    async fn handle(
        &self,
        tx: &mut PgTransaction<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<Outcome, HandlerError> {
        if self.calls.fetch_add(1, Ordering::SeqCst) == 0 {
            // What is tested is that it takes so long.
            tokio::time::sleep(self.time).await;
        }
        rig::note(tx, envelope).await?;
        Ok(Outcome::Done)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_longer_than_the_poll_interval_does_not_lose_its_partition() {
    let rig = Rig::new().await;
    let (partition, offset) = rig.send("key", 0).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let slow = Slow {
        time: Duration::from_secs(9),
        calls: calls.clone(),
    };
    // The least that goes with the session time-out.
    let small = |settings: &mut events::consumer::Settings| {
        settings.max_poll_interval = Duration::from_secs(6);
    };
    let began = Instant::now();
    let member = rig.member(slow, small);
    eventually("it took effect", || async {
        rig.effects().await.contains_key("key").then_some(())
    })
    .await;
    assert!(began.elapsed() > Duration::from_secs(6));
    assert_eq!(calls.load(Ordering::SeqCst), 1, "nobody else began it");
    eventually("the commit of the member that did it", || async {
        (rig.committed().await.get(&partition) == Some(&(offset + 1))).then_some(())
    })
    .await;
    // And it is a member still: what comes next is its work, without a rebalance.
    rig.send("key", 1).await;
    eventually("the next", || async {
        (rig.effects().await["key"] == [0, 1]).then_some(())
    })
    .await;
    member.stop().await;
}

/// Refuses some events for good.
struct Picky;

impl Handler for Picky {
    async fn handle(
        &self,
        tx: &mut PgTransaction<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<Outcome, HandlerError> {
        let counted = Counted::read(envelope);
        rig::note(tx, envelope).await?;
        if counted.n == 7 {
            return Err(HandlerError::permanent("unlucky", "seven"));
        }
        assert_ne!(counted.n, 13, "panics");
        Ok(Outcome::Done)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_event_in_a_batch_costs_its_neighbours_nothing() {
    let rig = Rig::new().await;
    for n in 0..60 {
        rig.send(if n % 2 == 0 { "even" } else { "odd" }, n).await;
    }
    let member = rig.member(Picky, |_| {});
    eventually("the others took effect", || async {
        let done: usize = rig.effects().await.values().map(Vec::len).sum();
        (done == 58).then_some(())
    })
    .await;
    let letters = eventually("two dead letters", || async {
        let letters = rig.dead_letters().await;
        (letters.len() == 2).then_some(letters)
    })
    .await;
    member.stop().await;
    let mut causes: Vec<_> = letters.iter().map(|l| l.header("dlq_cause")).collect();
    causes.sort();
    assert_eq!(causes, ["panic", "unlucky"]);
    let effects = rig.effects().await;
    let expected = |rest: i32, without: &[i32]| -> Vec<i32> {
        let numbers = (0..60).filter(|n| n % 2 == rest && !without.contains(n));
        numbers.collect()
    };
    assert_eq!(effects["even"], expected(0, &[]));
    assert_eq!(effects["odd"], expected(1, &[7, 13]));
}
