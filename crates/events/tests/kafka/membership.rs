//! A member that its group has put out, and one that leaves while the group is
//! being divided anew.

use std::time::Duration;

use events::consumer::{Envelope, Handler, HandlerError, Outcome};
use glasshouse::backing::{self, Options, Relay};
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use sqlx::PgTransaction;
use testkit::{Backing, Kafka, Proxy, eventually};

use crate::rig::{self, Rig};

struct Noting;

impl Handler for Noting {
    async fn handle(
        &self,
        tx: &mut PgTransaction<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<Outcome, HandlerError> {
        rig::note(tx, envelope).await?;
        Ok(Outcome::Done)
    }
}

async fn took_effect(rig: &Rig, expected: &[i32]) {
    eventually("the events take effect", || async {
        (rig.effects().await.get("key")? == expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_stays_out_of_its_group_is_replaced_and_all_takes_effect_once() {
    // Its own Kafka, which can be away without anybody else's missing it.
    let options = Options::for_tests();
    let listens = options.ports.pick(0).expect("a port");
    let proxy = Proxy::start(listens.address().to_string()).await;
    let relay = Relay {
        listens,
        proxy: proxy.address,
    };
    let own = backing::Backing::start_temporary(Options {
        kafka_relays: vec![relay],
        ..options
    })
    .await
    .expect("backing services");
    let rig = Rig::on(Backing {
        postgres: own.postgres.admin_url(),
        redis: own.redis.url(),
        kafka: own.kafka.brokers(),
    })
    .await;
    let member = rig.member(Noting, |settings| {
        settings.brokers = proxy.address.to_string();
        settings.rejoin = Duration::from_secs(3);
    });
    rig.send("key", 0).await;
    took_effect(&rig, &[0]).await;

    proxy.half_open();
    rig.send("key", 1).await;
    eventually("another takes its place", || async {
        (rig.lines("consumer_replaced") > 0).then_some(())
    })
    .await;
    assert_eq!(rig.effects().await["key"], [0]);
    proxy.restore();
    took_effect(&rig, &[0, 1]).await;
    rig.send("key", 2).await;
    took_effect(&rig, &[0, 1, 2]).await;
    member.stop().await;
    let committed: i64 = rig.committed().await.values().sum();
    assert_eq!(committed, 3, "the last member commits what it did");
    own.remove().await.expect("removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_a_rebalance_refuses_is_tried_again_by_whoever_leaves() {
    let mut rig = Rig::new().await;
    // A real broker refuses for some round trips, and not when it is told to.
    let broker = MockCluster::new(1).expect("a broker");
    broker.create_topic(&rig.topic(), 3, 1).expect("a topic");
    rig.backing.kafka = broker.bootstrap_servers();
    rig.kafka = Kafka::new(&rig.backing.kafka);
    let member = rig.member(Noting, |_| {});
    rig.send("key", 0).await;
    took_effect(&rig, &[0]).await;

    let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
    broker.request_errors(RDKafkaApiKey::OffsetCommit, &[refusal; 5]);
    member.stop().await;
    let committed: i64 = rig.committed().await.values().sum();
    assert_eq!(committed, 1);
    assert_eq!(rig.figure("kafka_consumer_errors_total"), 0.0);
}
