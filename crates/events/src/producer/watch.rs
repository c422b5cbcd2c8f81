//! A client that has fallen silent is replaced.
//!
//! librdkafka's threads wait for deadlines on the wall clock (`cnd_timedwait_ms` of
//! its tinycthread). If that clock is set back while its main thread waits, the
//! thread sleeps for as much longer: an hour, after a step of an hour. It then
//! neither gets an id for an idempotent producer nor looks for a broker. It also
//! reports no statistics, which it does otherwise whether a broker answers or not.

use std::sync::Weak;
use std::time::Duration;

use rdkafka::producer::{Producer as _, PurgeConfig};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::Inner;
use super::client::Client;

/// Between two looks.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(5);
/// So many looks without a new report. One could be our own fault: the whole process
/// may have been stopped until just now.
const SILENT: u32 = 3;

/// Looks after the client of `producer` for as long as there is one.
pub(super) async fn watch(producer: Weak<Inner>, every: Duration) {
    let mut looks = interval_at(Instant::now() + every, every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut heard, mut in_vain) = (0, 0);
    loop {
        looks.tick().await;
        let Some(producer) = producer.upgrade() else {
            return;
        };
        let client = producer.client();
        let reports = client.client().context().reports();
        in_vain = if reports == heard { in_vain + 1 } else { 0 };
        heard = reports;
        if in_vain >= SILENT {
            in_vain = 0;
            let is_this = |current: &Client| std::ptr::eq(current, &*client);
            if let Some(old) = producer.replace_if(&"the client has fallen silent", is_this) {
                drop(client);
                tokio::task::spawn_blocking(move || retire(&old));
            }
        }
    }
}

/// Gives back what still waits, as failed: whoever sent it sends it again. What the
/// broker has taken after all it then has twice, under the same event id. Not for a
/// worker: the end of a client waits for its threads.
fn retire(old: &Client) {
    old.purge(PurgeConfig::default().queue().inflight());
}

#[cfg(test)]
mod tests {
    use rdkafka::message::OwnedHeaders;
    use rdkafka::mocking::MockCluster;

    use super::super::client::Settings;
    use super::super::{ProduceError, Producer, Record};
    use super::*;

    const BROKER: i32 = 1;

    fn record() -> Record<'static> {
        Record {
            topic: "tasks",
            key: Some(b"key"),
            body: Some(b"body"),
            headers: OwnedHeaders::new(),
            timestamp: None,
        }
    }

    /// A client that never reports is as silent as one whose thread sleeps.
    #[tokio::test]
    async fn a_silent_client_gives_back_what_it_has_and_another_takes_over() {
        let broker = MockCluster::new(1).expect("a broker");
        broker.create_topic("tasks", 1, 1).expect("a topic");
        broker.broker_down(BROKER).expect("it is down");
        let settings = Settings {
            brokers: broker.bootstrap_servers(),
            producer_id: "test".to_owned(),
            largest_message: 1_000,
            report_every: Duration::ZERO,
        };
        let every = Duration::from_millis(300);
        let producer = Producer::with_settings(settings, "", every).expect("a producer");
        let mut waiting = producer.enqueue(record()).await.expect("queued");
        let given_back = waiting.delivered().await;
        assert!(
            matches!(given_back, Err(ProduceError::Failed { .. })),
            "{given_back:?}"
        );
        broker.broker_up(BROKER).expect("it is up");
        // As its successors never report either, one may be replaced meanwhile.
        while producer.send(record()).await.is_err() {}
    }
}
