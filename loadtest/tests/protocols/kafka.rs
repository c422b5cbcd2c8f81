//! Messages to librdkafka's own broker, and a worker whose effects are timed.

use std::time::Duration;

use loadtest::{Failure, Watch, run_scenario};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use crate::{nanoseconds, of_steps, parse, row, settings};

const PARTITIONS: i32 = 3;
const WORK: Duration = Duration::from_millis(80);

/// Reads `orders`, works for a while, and writes each `every`-th to `done`.
struct Worker {
    end: CancellationToken,
    working: tokio::task::JoinHandle<()>,
}

impl Worker {
    fn start(brokers: &str, every: u64) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers);
        let producer: FutureProducer = config.create().unwrap();
        config
            .set("group.id", "worker")
            .set("enable.auto.commit", "false");
        // Assigned and not subscribed: it is at work at once.
        let consumer: StreamConsumer = config.create().unwrap();
        let mut all = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            all.add_partition_offset("orders", partition, Offset::Beginning)
                .unwrap();
        }
        consumer.assign(&all).unwrap();
        let end = CancellationToken::new();
        let work = async move {
            let mut n = 0;
            while let Ok(message) = consumer.recv().await {
                n += 1;
                if n % every != 0 {
                    continue;
                }
                let body = message.payload().unwrap().to_vec();
                let producer = producer.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(WORK).await;
                    let record = FutureRecord::<str, [u8]>::to("done").payload(&body);
                    producer.send(record, Duration::from_secs(5)).await.unwrap();
                });
            }
        };
        let ended = end.clone();
        let working = tokio::spawn(async move {
            let _ = ended.run_until_cancelled(work).await;
        });
        Self { end, working }
    }

    /// A client that outlives its broker waits for it.
    async fn stop(self) {
        self.end.cancel();
        self.working.await.unwrap();
    }
}

const STEPS: &str = r#"
      - name: publish
        kafka:
          target: it
          topic: orders
          key: "{{order}}"
          headers: { kind: order }
          json: { order: { id: "{{order}}" } }
          effect: { topic: done, pointer: /order/id, equals: "{{order}}", within: 5s }"#;

fn scenario() -> String {
    of_steps(STEPS).replace(
        "    steps:\n",
        "    data: { order: \"{{uuid}}\" }\n    steps:\n",
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_effect_is_timed_from_its_cause() {
    let cluster = MockCluster::new(1).unwrap();
    for topic in ["orders", "done"] {
        cluster.create_topic(topic, PARTITIONS, 1).unwrap();
    }
    let brokers = cluster.bootstrap_servers();
    let worker = Worker::start(&brokers, 1);
    let report = run_scenario(
        &parse(&scenario()),
        &settings(&brokers),
        CancellationToken::new(),
        &mut Watch::quiet(),
    )
    .await
    .unwrap();
    assert!(report.valid, "{:?}", report.invalid_because);
    assert_eq!(report.errors, 0, "{:?}", report.steps);
    assert_eq!(row(&report, "publish").answered, 40);
    let effect = row(&report, "publish.effect");
    assert_eq!(effect.answered, 40);
    let effect = effect.corrected.as_ref().unwrap();
    assert!(
        nanoseconds(effect.min) >= WORK,
        "{:?}",
        nanoseconds(effect.min)
    );
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_effect_is_missed_and_a_topic_that_is_not_there_is_named() {
    let cluster = MockCluster::new(1).unwrap();
    for topic in ["orders", "done"] {
        cluster.create_topic(topic, PARTITIONS, 1).unwrap();
    }
    let brokers = cluster.bootstrap_servers();
    let worker = Worker::start(&brokers, 2);
    let text = scenario().replace("within: 5s", "within: 1s");
    let report = run_scenario(
        &parse(&text),
        &settings(&brokers),
        CancellationToken::new(),
        &mut Watch::quiet(),
    )
    .await
    .unwrap();
    assert_eq!(row(&report, "publish").answered, 40);
    let effect = row(&report, "publish.effect");
    assert_eq!(effect.failures[&Failure::Missing], 20);
    assert_eq!(report.errors, 20);

    let text = scenario().replace("topic: done", "topic: nowhere");
    let error = run_scenario(
        &parse(&text),
        &settings(&brokers),
        CancellationToken::new(),
        &mut Watch::quiet(),
    )
    .await;
    let said = error.unwrap_err().to_string();
    assert!(
        said.contains("Kafka at") && said.contains("nowhere"),
        "{said}"
    );
    worker.stop().await;
}
