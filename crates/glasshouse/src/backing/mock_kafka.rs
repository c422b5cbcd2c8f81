//! librdkafka's own broker, in this process, for machines without Java.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use anyhow::{Context, Result, anyhow};
use rdkafka::error::KafkaResult;
use rdkafka::mocking::MockCluster;
use tokio::sync::oneshot;

/// What it cannot do, in the words of the table.
pub const LIMITS: &str = "it keeps about 5 MiB a partition, forgets everything when the launcher \
                          ends, and answers no CreateTopics";

/// The only broker of the cluster.
const BROKER: i32 = 1;

/// What is asked of it, and where the answer goes.
type Order = (Task, oneshot::Sender<KafkaResult<()>>);

enum Task {
    Create(Vec<String>, i32),
    Down,
    Up,
}

/// A running in-process broker. Clones are the same; it ends with the last.
#[derive(Clone)]
pub(super) struct MockKafka {
    brokers: String,
    orders: Sender<Order>,
}

impl MockKafka {
    /// Starts it on a port of its own choice. The handle may not leave the
    /// thread that made it, so a thread keeps it and takes orders.
    pub(super) async fn start() -> Result<Self> {
        let (orders, inbox) = mpsc::channel();
        let (ready, started) = oneshot::channel();
        let run = move || keep(ready, &inbox);
        thread::Builder::new()
            .name("mock-kafka".into())
            .spawn(run)?;
        let brokers = started.await.context("the mock broker's thread ended")??;
        Ok(Self { brokers, orders })
    }

    pub(super) fn brokers(&self) -> &str {
        &self.brokers
    }

    pub(super) async fn create_topics(&self, names: Vec<String>, partitions: i32) -> Result<()> {
        self.order(Task::Create(names, partitions)).await
    }

    /// Closes its port; what it holds stays.
    pub(super) async fn down(&self) -> Result<()> {
        self.order(Task::Down).await
    }

    pub(super) async fn up(&self) -> Result<()> {
        self.order(Task::Up).await
    }

    async fn order(&self, task: Task) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        let gone = || anyhow!("the mock broker is gone");
        self.orders.send((task, reply)).map_err(|_| gone())?;
        Ok(answer.await.map_err(|_| gone())??)
    }
}

fn keep(ready: oneshot::Sender<KafkaResult<String>>, inbox: &Receiver<Order>) {
    let cluster = match MockCluster::new(1) {
        Ok(cluster) => cluster,
        Err(error) => return drop(ready.send(Err(error))),
    };
    let _ = ready.send(Ok(cluster.bootstrap_servers()));
    for (task, reply) in inbox {
        let done = match task {
            Task::Create(names, partitions) => names
                .iter()
                .try_for_each(|name| cluster.create_topic(name, partitions, 1)),
            Task::Down => cluster.broker_down(BROKER),
            Task::Up => cluster.broker_up(BROKER),
        };
        let _ = reply.send(done);
    }
}
