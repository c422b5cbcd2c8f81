//! A partition that is revoked while its work is under way: the work is finished
//! first, or, when its time is over, abandoned; either way it takes effect once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use events::consumer::{Envelope, Handler, HandlerError, Outcome};
use sqlx::PgTransaction;
use testkit::eventually;
use tokio::sync::Semaphore;

use crate::rig::{self, Counted, Member, Rig};

/// Writes down what it begins, and waits before it ends.
#[derive(Clone)]
struct Waiting {
    gate: Arc<Semaphore>,
    begun: Arc<Mutex<Vec<(String, i32)>>>,
}

impl Waiting {
    fn new() -> Self {
        Self {
            gate: Arc::new(Semaphore::new(0)),
            begun: Arc::default(),
        }
    }

    fn open(&self) {
        self.gate.add_permits(1000);
    }

    /// How often it began an event.
    fn begun(&self, key: &str, n: i32) -> usize {
        let begun = self.begun.lock().expect("not poisoned");
        begun
            .iter()
            .filter(|one| **one == (key.to_owned(), n))
            .count()
    }
}

impl Handler for Waiting {
    async fn handle(
        &self,
        tx: &mut PgTransaction<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<Outcome, HandlerError> {
        let event = (
            envelope.key().unwrap_or_default().to_owned(),
            Counted::read(envelope).n,
        );
        self.begun.lock().expect("not poisoned").push(event);
        // Before it waits, so that there is something to take back.
        rig::note(tx, envelope).await?;
        drop(self.gate.acquire().await);
        Ok(Outcome::Done)
    }
}

/// Two members; the first is at work on an event of each partition, and has been
/// told to let go of one of them.
struct HandOver {
    rig: Rig,
    /// Of the events that are under way.
    keys: Vec<String>,
    first: Waiting,
    second: Waiting,
    members: [Member; 2],
}

impl HandOver {
    async fn begin(drain: Duration) -> Self {
        let rig = Rig::new().await;
        let (first, second) = (Waiting::new(), Waiting::new());
        second.open();
        // The first event of each partition.
        let mut keys: BTreeMap<i32, String> = BTreeMap::new();
        for n in 0.. {
            let key = format!("key-{n}");
            let (partition, _) = rig.send(&key, 0).await;
            keys.entry(partition).or_insert(key);
            if keys.len() == 3 {
                break;
            }
        }
        let keys: Vec<String> = keys.into_values().collect();
        let member = rig.member(first.clone(), |settings| settings.drain = drain);
        eventually("all partitions are at work", || async {
            keys.iter()
                .all(|key| first.begun(key, 0) == 1)
                .then_some(())
        })
        .await;
        let joined = rig.member(second.clone(), |_| {});
        eventually("the first is to let go of a partition", || async {
            (rig.revocations() == 1.0).then_some(())
        })
        .await;
        Self {
            rig,
            keys,
            first,
            second,
            members: [member, joined],
        }
    }

    /// Waits until every event has taken effect, and ends.
    async fn end(self) -> BTreeMap<String, Vec<i32>> {
        self.first.open();
        eventually("all of it takes effect", || async {
            let effects = self.rig.effects().await;
            let done = |key: &String| effects.get(key).is_some_and(|all| all.contains(&1));
            self.keys.iter().all(done).then_some(())
        })
        .await;
        for member in self.members {
            member.stop().await;
        }
        self.rig.effects().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn work_under_way_is_finished_and_committed_before_its_partition_goes() {
    let over = HandOver::begin(Duration::from_secs(60)).await;
    assert!(over.rig.effects().await.is_empty());
    over.first.open();
    // What comes next shows whose partition it is.
    for key in &over.keys {
        over.rig.send(key, 1).await;
    }
    eventually("all of it takes effect", || async {
        let effects = over.rig.effects().await;
        let done = |key: &String| effects.get(key).is_some_and(|all| all.contains(&1));
        over.keys.iter().all(done).then_some(())
    })
    .await;
    for key in &over.keys {
        assert_eq!(over.first.begun(key, 0), 1, "{key}");
        assert_eq!(over.second.begun(key, 0), 0, "{key} was done before");
    }
    for (key, effects) in over.end().await {
        let expected: Vec<i32> = (0..effects.len() as i32).collect();
        assert_eq!(effects, expected, "{key}: once, and in order");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_does_not_end_in_time_is_taken_back_and_done_by_the_next() {
    let over = HandOver::begin(Duration::from_millis(500)).await;
    // The first never finishes: its time has to run out.
    let moved = eventually("the second does what the first could not", || async {
        let keys = over.keys.iter();
        let moved: Vec<_> = keys.filter(|key| over.second.begun(key, 0) > 0).collect();
        moved.first().map(|key| (*key).clone())
    })
    .await;
    eventually("its effect", || async {
        let effects = over.rig.effects().await;
        (effects.get(&moved) == Some(&vec![0])).then_some(())
    })
    .await;
    assert_eq!(over.rig.lines("consumer_work_abandoned"), 1);
    // The others are under way as before: they were not let go of.
    for key in over.keys.iter().filter(|key| **key != moved) {
        assert_eq!(
            (over.first.begun(key, 0), over.second.begun(key, 0)),
            (1, 0)
        );
        assert!(!over.rig.effects().await.contains_key(key));
    }
    for key in &over.keys {
        over.rig.send(key, 1).await;
    }
    let keys = over.keys.clone();
    let effects = over.end().await;
    for key in &keys {
        assert_eq!(effects[key], [0, 1], "{key}: once, and in order");
    }
}
