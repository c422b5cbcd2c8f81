//! How far behind the group is said to be.

use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use events::consumer::{Envelope, Handler, HandlerError, Outcome};
use sqlx::PgTransaction;
use testkit::eventually;
use tokio::sync::Semaphore;

use crate::rig::{self, Rig};

/// Does nothing until it may.
#[derive(Clone)]
struct Gated(Arc<Semaphore>);

impl Handler for Gated {
    async fn handle(
        &self,
        tx: &mut PgTransaction<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<Outcome, HandlerError> {
        drop(self.0.acquire().await);
        rig::note(tx, envelope).await?;
        Ok(Outcome::Done)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lag_is_what_is_not_processed_and_nothing_where_nothing_is() {
    let rig = Rig::new().await;
    let happened = Utc::now() - TimeDelta::seconds(100);
    // One key, one partition: the two others are empty, and stay so.
    let mut partition = 0;
    for n in 0..10 {
        partition = rig.send_at("key", n, happened).await.0;
    }
    let gate = Arc::new(Semaphore::new(0));
    let member = rig.member(Gated(gate.clone()), |_| {});
    let lag = |of: i32| rig.partition("kafka_consumer_lag", of);
    let seconds = || rig.figure("kafka_consumer_lag_seconds");
    eventually("the lag is measured", || async {
        (lag(partition) == Some(10.0) && seconds() > 0.0).then_some(())
    })
    .await;
    assert!((100.0..200.0).contains(&seconds()), "{}", seconds());
    for empty in (0..3).filter(|other| *other != partition) {
        assert_eq!(lag(empty), Some(0.0), "an empty partition");
    }

    // After ten seconds, and one line for all of them.
    eventually("high_consumer_lag", || async {
        (rig.lines("high_consumer_lag") > 0).then_some(())
    })
    .await;
    assert_eq!(rig.lines("high_consumer_lag"), 1);

    gate.add_permits(1);
    eventually("nothing is behind", || async {
        (lag(partition) == Some(0.0) && seconds() == 0.0).then_some(())
    })
    .await;
    assert_eq!(
        rig.partition("kafka_consumer_offset", partition),
        Some(10.0)
    );
    member.stop().await;
    // Nothing is assigned: a sum over all members counts no partition twice.
    for of in 0..3 {
        assert_eq!(rig.partition("kafka_consumer_offset", of), Some(0.0));
        assert_eq!(lag(of), Some(0.0));
    }

    // Idle from the start: it stands where the group had committed.
    let member = rig.member(Gated(gate), |_| {});
    eventually("it knows where it stands", || async {
        (rig.partition("kafka_consumer_offset", partition) == Some(10.0)).then_some(())
    })
    .await;
    assert_eq!((lag(partition), seconds()), (Some(0.0), 0.0));
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_the_handlers_dependency_pauses_and_spends_nothing() {
    struct Away(Arc<Semaphore>);
    impl Handler for Away {
        async fn handle(
            &self,
            tx: &mut PgTransaction<'_>,
            envelope: &Envelope<'_>,
        ) -> Result<Outcome, HandlerError> {
            if self.0.available_permits() == 0 {
                return Err(HandlerError::Unavailable {
                    cause: "mail",
                    detail: "away".to_owned(),
                });
            }
            rig::note(tx, envelope).await?;
            Ok(Outcome::Done)
        }
    }
    let rig = Rig::new().await;
    for n in 0..300 {
        rig.send(&format!("key-{n}"), n).await;
    }
    let back = Arc::new(Semaphore::new(0));
    let member = rig.member(Away(back.clone()), |settings| {
        // One failure that counted would be a dead letter.
        settings.budget.attempts = 1;
        settings.budget.base = Duration::from_millis(1);
    });
    eventually("all partitions wait", || async {
        (rig.figure("kafka_consumer_paused") == 3.0).then_some(())
    })
    .await;
    back.add_permits(1);
    eventually("all took effect", || async {
        (rig.effects().await.len() == 300).then_some(())
    })
    .await;
    eventually("none waits", || async {
        (rig.figure("kafka_consumer_paused") == 0.0).then_some(())
    })
    .await;
    assert!(rig.dead_letters().await.is_empty());
    member.stop().await;
}
