//! Topics, a database and members of a group, for one test.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use events::consumer::{self, ConsumerError, Envelope, Handler, Settings};
use events::topics::Topic;
use glasshouse::backing::topics;
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, PgTransaction};
use testkit::{Backing, Database, Kafka, Record, unique};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::observed;

/// The body of the events of these tests.
#[derive(Deserialize, Serialize)]
pub(crate) struct Counted {
    pub(crate) n: i32,
}

impl Counted {
    pub(crate) fn read(envelope: &Envelope<'_>) -> Self {
        serde_json::from_slice(envelope.body()).expect("what the test sent")
    }
}

/// Writes down that an event took effect.
pub(crate) async fn note(
    tx: &mut PgTransaction<'_>,
    envelope: &Envelope<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO effects (key, n) VALUES ($1, $2)")
        .bind(envelope.key())
        .bind(Counted::read(envelope).n)
        .execute(&mut **tx)
        .await
        .map(drop)
}

pub(crate) struct Rig {
    pub(crate) backing: Backing,
    pub(crate) prefix: String,
    pub(crate) pool: PgPool,
    pub(crate) kafka: Kafka,
    /// Its own, as metrics and log lines are those of the whole process.
    group: String,
}

/// A running member of the group.
pub(crate) struct Member {
    stop: CancellationToken,
    task: JoinHandle<Result<(), ConsumerError>>,
}

impl Member {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let ended = self.task.await.expect("no panic");
        ended.expect("it ends in order");
    }
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::on(Backing::shared().await).await
    }

    /// On backing services of the test's own.
    pub(crate) async fn on(backing: Backing) -> Self {
        observed::start();
        let prefix = unique("c").replace('_', "") + ".";
        topics::create_topics(&backing.kafka, &prefix)
            .await
            .expect("topics");
        let pool = Database::create(&backing, "consumer").await.pool().await;
        events::migrate(&pool).await.expect("migrations");
        sqlx::query("CREATE TABLE effects (seq bigserial PRIMARY KEY, key text, n integer)")
            .execute(&pool)
            .await
            .expect("a table");
        let kafka = Kafka::new(&backing.kafka);
        Self {
            backing,
            prefix,
            pool,
            kafka,
            group: unique("group"),
        }
    }

    pub(crate) fn topic(&self) -> String {
        format!("{}{}", self.prefix, Topic::TodoTasks.name())
    }

    /// Sends an event: its partition and offset.
    pub(crate) async fn send(&self, key: &str, n: usize) -> (i32, i64) {
        self.send_at(key, n, Utc::now()).await
    }

    /// As [`Rig::send`], for an event that happened at another time.
    pub(crate) async fn send_at(&self, key: &str, n: usize, time: DateTime<Utc>) -> (i32, i64) {
        let n = i32::try_from(n).expect("a small number");
        let headers = [
            ("ce_specversion", "1.0".to_owned()),
            ("ce_id", Uuid::now_v7().to_string()),
            ("ce_type", "test.counted.v1".to_owned()),
            ("ce_source", "test".to_owned()),
            ("ce_time", time.to_rfc3339()),
        ];
        let record = Record {
            key: Some(key.to_owned()),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.into_bytes()))
                .into(),
            body: Some(serde_json::to_vec(&Counted { n }).expect("JSON")),
            ..Record::default()
        };
        self.kafka.send(&self.topic(), &record).await
    }

    /// Starts a member of the group.
    pub(crate) fn member<H: Handler>(&self, handler: H, set: impl FnOnce(&mut Settings)) -> Member {
        let brokers = &self.backing.kafka;
        let mut settings = Settings::new(brokers, &self.group, &[Topic::TodoTasks], &self.prefix);
        set(&mut settings);
        let stop = CancellationToken::new();
        let running = consumer::run(settings, self.pool.clone(), handler, stop.clone());
        Member {
            stop,
            task: tokio::spawn(running),
        }
    }

    /// What took effect, by key, in the order in which it did.
    pub(crate) async fn effects(&self) -> BTreeMap<String, Vec<i32>> {
        let rows: Vec<(String, i32)> = sqlx::query_as("SELECT key, n FROM effects ORDER BY seq")
            .fetch_all(&self.pool)
            .await
            .expect("effects");
        let mut effects: BTreeMap<String, Vec<i32>> = BTreeMap::new();
        for (key, n) in rows {
            effects.entry(key).or_default().push(n);
        }
        effects
    }

    pub(crate) async fn committed(&self) -> BTreeMap<i32, i64> {
        let group = format!("{}{}", self.prefix, self.group);
        self.kafka.committed(&group, &self.topic()).await
    }

    pub(crate) async fn dead_letters(&self) -> Vec<Record> {
        self.kafka.read(&format!("{}.dlq", self.topic())).await
    }

    /// A gauge or counter of the group.
    pub(crate) fn figure(&self, name: &str) -> f64 {
        observed::metrics().sum(name, &[("consumer_group", &self.group)])
    }

    /// How often partitions were revoked from its members.
    pub(crate) fn revocations(&self) -> f64 {
        let labels = [("consumer_group", &*self.group), ("kind", "revoke")];
        observed::metrics().sum("kafka_consumer_rebalances_total", &labels)
    }

    /// A gauge of one partition, if there is one.
    pub(crate) fn partition(&self, name: &str, partition: i32) -> Option<f64> {
        let partition = partition.to_string();
        let labels = [("consumer_group", &*self.group), ("partition", &*partition)];
        let samples = observed::metrics();
        let found = samples.matching(name, &labels).next();
        found.map(|(_, value)| value)
    }

    /// How often a line was logged about the group.
    pub(crate) fn lines(&self, message: &str) -> usize {
        observed::lines(message, &self.group)
    }
}
