//! Partitions come and go: what is started when one is assigned, and how it is
//! let go when it is revoked.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak, mpsc};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::join_all;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::group::{Group, Subscription};
use super::progress::Progress;
use crate::client;
use crate::topics::{self, Topic};

/// How long the broker may take to confirm the commit at a revocation.
const COMMIT_PATIENCE: Duration = Duration::from_secs(5);
/// The coordinator refuses commits from when all members have joined a rebalance
/// until their leader has divided the partitions: some round trips.
const REBALANCE_PATIENCE: Duration = Duration::from_secs(1);
/// Between two attempts meanwhile.
const COMMIT_AGAIN: Duration = Duration::from_millis(50);

/// What is lost while a subscribed topic does not exist.
pub(super) const SUBSCRIBED_TOPIC: &str = "kafka_topic";

pub(super) type Client = BaseConsumer<Context>;
pub(super) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A partition as its task gets it.
pub(super) struct Assigned {
    pub queue: PartitionQueue<Context>,
    /// Rung when the queue is no longer empty.
    pub news: Arc<Notify>,
    pub progress: Arc<Progress>,
    pub subscription: Arc<Subscription>,
    /// Take up no more.
    pub stop: CancellationToken,
}

struct Running {
    progress: Arc<Progress>,
    stop: CancellationToken,
    /// There is no more time to finish.
    abandon: CancellationToken,
    task: JoinHandle<()>,
}

type Key = (Topic, i32);

/// What librdkafka calls back, always on the polling thread.
pub(super) struct Context {
    pub group: Arc<Group>,
    runtime: Handle,
    client: OnceLock<Weak<Client>>,
    running: Mutex<HashMap<Key, Running>>,
    start: Box<dyn Fn(Assigned) -> Task + Send + Sync>,
    lost: Mutex<Option<Instant>>,
    /// Cancelled when a task broke.
    pub broken: CancellationToken,
}

impl Context {
    pub fn new(
        group: Arc<Group>,
        start: impl Fn(Assigned) -> Task + Send + Sync + 'static,
    ) -> Self {
        Self {
            group,
            runtime: Handle::current(),
            client: OnceLock::new(),
            running: Mutex::default(),
            start: Box::new(start),
            lost: Mutex::default(),
            broken: CancellationToken::new(),
        }
    }

    /// The client that this is the context of: queues are split off it.
    pub fn attach(&self, client: &Arc<Client>) {
        // Called once, right after the client was made.
        let _ = self.client.set(Arc::downgrade(client));
    }

    /// For how long this member has been out of its group without having been let
    /// in again, be it with no partition.
    pub fn outside(&self) -> Duration {
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.map_or(Duration::ZERO, |lost| lost.elapsed())
    }

    /// Says that the group has put this member out, or has let it in.
    pub fn put_outside(&self, lost: bool) {
        let mut since = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        *since = lost.then(Instant::now);
    }

    /// What is assigned now.
    pub fn partitions(&self) -> Vec<Arc<Progress>> {
        self.running()
            .values()
            .map(|running| running.progress.clone())
            .collect()
    }

    /// Lets everything go: at the end.
    pub fn release_all(&self) {
        let keys: Vec<Key> = self.running().keys().copied().collect();
        self.release(&keys, false);
    }

    /// Hands over what has moved since last time, for the client to commit. It
    /// tries again by itself what a rebalance made fail; of a commit of our own
    /// that nobody waits for, a failure would never be heard of.
    pub fn store(&self, client: &Client) {
        let moved = self.uncommitted(&self.partitions());
        if moved.count() > 0
            && let Err(error) = client.store_offsets(&moved)
        {
            self.not_stored(&error, &moved);
        }
    }

    fn not_stored(&self, error: &KafkaError, offsets: &TopicPartitionList) {
        self.group.count_error("commit");
        tracing::warn!(%error, "consumer_commit_failed");
        let running = self.running();
        for key in self.keys(offsets) {
            if let Some(running) = running.get(&key) {
                running.progress.offsets().not_committed();
            }
        }
    }

    pub fn full_name(&self, topic: Topic) -> String {
        topics::name(&self.group.settings.prefix, topic)
    }

    fn assign(&self, key: Key) {
        let Some(client) = self.client.get().and_then(Weak::upgrade) else {
            return; // the client is being dropped
        };
        let (topic, partition) = key;
        let Some(subscription) = self.group.subscription(topic) else {
            // Nobody asked for it, so nobody would read it.
            self.broken.cancel();
            return;
        };
        // Before the client starts to fetch: what it fetches for a partition
        // without a queue of its own would go to the polling thread.
        let Some(mut queue) = client.split_partition_queue(&self.full_name(topic), partition)
        else {
            self.broken.cancel();
            return;
        };
        let news = Arc::new(Notify::new());
        queue.set_nonempty_callback({
            let news = news.clone();
            move || news.notify_one()
        });
        let progress = Arc::new(Progress::new(topic, partition, &self.group.settings.group));
        let (stop, abandon) = (CancellationToken::new(), CancellationToken::new());
        let work = (self.start)(Assigned {
            queue,
            news,
            progress: progress.clone(),
            subscription: subscription.clone(),
            stop: stop.clone(),
        });
        let task = self.runtime.spawn({
            let (abandon, broken) = (abandon.clone(), self.broken.clone());
            async move {
                let work = AssertUnwindSafe(abandon.run_until_cancelled(work));
                if work.catch_unwind().await.is_err() {
                    broken.cancel();
                }
            }
        });
        let running = Running {
            progress,
            stop,
            abandon,
            task,
        };
        self.running().insert(key, running);
    }

    fn release(&self, keys: &[Key], lost: bool) {
        let mut leaving: Vec<Running> = {
            let mut running = self.running();
            keys.iter().filter_map(|key| running.remove(key)).collect()
        };
        if leaving.is_empty() {
            return;
        }
        for running in &leaving {
            running.stop.cancel();
            if lost {
                // Someone else has them already: finishing would be for nothing.
                running.abandon.cancel();
            }
        }
        self.runtime.block_on(async {
            let finished = join_all(leaving.iter_mut().map(|running| &mut running.task));
            if tokio::time::timeout(self.group.settings.drain, finished)
                .await
                .is_err()
            {
                tracing::warn!(
                    consumer_group = self.group.settings.group,
                    "consumer_work_abandoned"
                );
                for running in &mut leaving {
                    running.abandon.cancel();
                    if !running.task.is_finished() {
                        // It ends at its next await; its transaction rolls back.
                        let _ = (&mut running.task).await;
                    }
                }
            }
        });
        let progress: Vec<_> = leaving
            .into_iter()
            .map(|running| running.progress)
            .collect();
        if !lost {
            // All of it: what was handed over may not have been committed yet.
            for progress in &progress {
                progress.offsets().not_committed();
            }
            self.commit_and_wait(self.uncommitted(&progress));
        }
        for progress in progress {
            progress.series.zero();
        }
    }

    /// A synchronous commit, but not for longer than [`COMMIT_PATIENCE`]: without
    /// a broker it would hold up the shutdown. What it fails to commit is
    /// delivered again, and the inbox knows it.
    fn commit_and_wait(&self, offsets: TopicPartitionList) {
        let Some(client) = self.client.get().and_then(Weak::upgrade) else {
            return;
        };
        if offsets.count() == 0 {
            return;
        }
        let (answer, answered) = mpsc::channel();
        let commit = move || {
            // Or the client would at the end commit what it was given last.
            let _ = client.store_offsets(&offsets);
            let began = Instant::now();
            let result = loop {
                let result = client.commit(&offsets, CommitMode::Sync);
                if !is_rebalancing(&result) || began.elapsed() > REBALANCE_PATIENCE {
                    break result;
                }
                std::thread::park_timeout(COMMIT_AGAIN);
            };
            // Nobody may be waiting any more.
            let _ = answer.send(result);
        };
        let spawned = std::thread::Builder::new()
            .name("kafka-commit".to_owned())
            .spawn(commit);
        let result = match spawned {
            Ok(_) => answered.recv_timeout(COMMIT_PATIENCE),
            Err(error) => {
                tracing::error!(%error, "consumer_commit_failed");
                return;
            }
        };
        match result {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                self.group.count_error("commit");
                tracing::warn!(%error, "consumer_commit_failed");
            }
            Err(_) => {
                self.group.count_error("commit");
                tracing::warn!(error = "no answer", "consumer_commit_failed");
            }
        }
    }

    fn uncommitted(&self, partitions: &[Arc<Progress>]) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for progress in partitions {
            if let Some(position) = progress.offsets().take_uncommitted() {
                let name = self.full_name(progress.topic);
                // Fails only for an offset that is none.
                let _ =
                    list.add_partition_offset(&name, progress.partition, Offset::Offset(position));
            }
        }
        list
    }

    fn keys(&self, list: &TopicPartitionList) -> Vec<Key> {
        list.elements()
            .iter()
            .filter_map(|element| {
                let logical = element.topic().strip_prefix(&self.group.settings.prefix)?;
                Some((Topic::from_name(logical)?, element.partition()))
            })
            .collect()
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Key, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_rebalancing(result: &KafkaResult<()>) -> bool {
    let code = result
        .as_ref()
        .err()
        .and_then(KafkaError::rdkafka_error_code);
    code == Some(RDKafkaErrorCode::RebalanceInProgress)
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "COMMITFAIL" {
            self.group.count_error("commit");
        }
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka_client_error");
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, client: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let (kind, keys) = match rebalance {
            Rebalance::Assign(list) => {
                let keys = self.keys(list);
                for key in &keys {
                    self.group.reached(SUBSCRIBED_TOPIC);
                    self.assign(*key);
                }
                self.put_outside(false);
                self.group.totals.assigned.increment(1);
                ("assign", keys)
            }
            Rebalance::Revoke(list) => {
                let keys = self.keys(list);
                let lost = client.assignment_lost();
                let kind = if lost { "lost" } else { "revoke" };
                match lost {
                    true => self.group.totals.lost.increment(1),
                    false => self.group.totals.revoked.increment(1),
                }
                self.release(&keys, lost);
                self.put_outside(lost);
                (kind, keys)
            }
            Rebalance::Error(error) => {
                self.group.count_error("group");
                tracing::warn!(%error, "consumer_rebalance_failed");
                return;
            }
        };
        tracing::info!(
            consumer_group = self.group.settings.group,
            kind,
            partitions = keys.len(),
            "consumer_rebalanced"
        );
    }
}
