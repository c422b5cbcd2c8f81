//! Carries rows of the outbox to the broker.
//!
//! Rows of one key are in one shard. A lane owns the shards it sends from, by
//! row locks that last as long as its transaction, so any number of relays can
//! run and the order of each key is kept. A row is deleted after the broker has
//! confirmed it; what is sent twice (a crash in between) has the same event id,
//! and the inboxes of the consumers know it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::Histogram;
use sqlx::{PgConnection, PgPool};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::batch::{Batch, Settled};
use super::rest::{Leave, Looked, Rest};
use super::store::Row;
use super::{gauges, store};
use crate::backoff::Backoff;
use crate::dependency::Dependency;
use crate::doorbell::{Doorbell, Listener};
use crate::metrics::OUTBOX_BATCH;
use crate::producer::{ProduceError, Producer};
use crate::topics::Topic;
use telemetry::untraced;

/// While one lane waits for the broker, the others read and delete.
pub const LANES: usize = 3;
/// Without a notification, rows are looked for this often.
const SLOW_POLL: Duration = Duration::from_secs(5);
/// Between two looks while somebody is just writing.
const SOON: Duration = Duration::from_millis(20);
/// Of so many rows at once the relay does not want to be told one by one.
const BUSY: usize = 4;
/// A batch that takes longer is waited for without its transaction.
const STALLED: Duration = Duration::from_secs(5);
/// What is with the client when the relay is to stop may still arrive for so
/// long; a broker that is there needs less.
const GRACE: Duration = Duration::from_millis(700);

/// The relay of one database.
#[derive(Debug)]
pub struct Relay {
    pool: PgPool,
    producer: Producer,
    database: Dependency,
    kafka: Dependency,
    /// Shards whose rows are with the client and have no answer yet, though
    /// their transaction was given back: no lane takes them up again.
    stalled: Mutex<Vec<i16>>,
    rest: tokio::sync::Mutex<Rest>,
    /// Rung by a lane that has found much: there is some for others.
    more: Notify,
}

/// What a round came to.
enum Round {
    /// So many rows were sent or marked; there may be more.
    Sent(usize),
    /// Nothing to send.
    Idle,
    /// Something is away.
    Failed,
}

impl Relay {
    /// `topics` are those that this service publishes to: their metrics start
    /// at zero.
    pub fn new(pool: PgPool, producer: Producer, topics: &[Topic]) -> Self {
        producer.register(topics.iter().map(|topic| topic.name()));
        Self {
            rest: tokio::sync::Mutex::new(Rest::new(&pool)),
            more: Notify::new(),
            pool,
            producer,
            database: Dependency::new("database", "outbox_relay"),
            kafka: Dependency::new("kafka", "outbox_relay"),
            stalled: Mutex::default(),
        }
    }

    /// Runs until `stop`, and then once more until nothing waits or something
    /// fails.
    pub async fn run(self, stop: CancellationToken) {
        let doorbell = Doorbell::install(&self.pool, "outbox");
        let relay = Arc::new(self);
        // Tasks of their own: while one fills the client's queue, another can read.
        // They end with this future.
        let mut lanes = JoinSet::new();
        for _ in 0..LANES {
            lanes.spawn(relay.clone().lane(doorbell.listener(), stop.clone()));
        }
        tokio::select! {
            _ = lanes.join_all() => {}
            () = gauges::keep(&relay.pool) => {}
        }
    }

    async fn lane(self: Arc<Self>, mut doorbell: Listener, stop: CancellationToken) {
        let sizes = OUTBOX_BATCH.histogram_handle(&[]);
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let mut looked = Looked::default();
        loop {
            doorbell.attend();
            let round = match self.round(&sizes, &stop).await {
                Ok(Round::Idle) if !stop.is_cancelled() => self.leave(&mut looked).await,
                Ok(round) => Ok((round, Leave::Refused)),
                Err(error) => Err(error),
            };
            let (round, leave) = match round {
                Ok(answer) => {
                    self.database.reached();
                    answer
                }
                Err(error) => {
                    self.database.lost(&error.to_string());
                    (Round::Failed, Leave::Refused)
                }
            };
            let pause = match (round, leave) {
                (Round::Sent(rows), _) => {
                    backoff.reset();
                    if rows >= BUSY {
                        self.rest.lock().await.end().await;
                        self.more.notify_waiters();
                    }
                    continue;
                }
                _ if stop.is_cancelled() => return,
                (Round::Failed, _) => {
                    let failed = tokio::time::sleep(backoff.next_delay());
                    stop.run_until_cancelled(failed).await;
                    continue;
                }
                (Round::Idle, Leave::LookOnceMore) => continue,
                (Round::Idle, Leave::Granted) => SLOW_POLL,
                (Round::Idle, Leave::Refused) => SOON,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {
                    if leave == Leave::Granted {
                        self.rest.lock().await.verify().await;
                    }
                }
                () = doorbell.rung() => {}
                () = self.more.notified() => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn leave(&self, looked: &mut Looked) -> Result<(Round, Leave), sqlx::Error> {
        let leave = self.rest.lock().await.ask(looked).await?;
        Ok((Round::Idle, leave))
    }

    async fn round(
        &self,
        sizes: &Histogram,
        stop: &CancellationToken,
    ) -> Result<Round, sqlx::Error> {
        let mut tx = service::database::begin_by_index(&self.pool).await?;
        let stalled = self.stalled().clone();
        let shards = untraced(store::claim(&mut tx, &stalled)).await?;
        if shards.is_empty() {
            return Ok(Round::Idle);
        }
        let found = untraced(store::read(&mut tx, &shards)).await?;
        let read = found
            .iter()
            .map(Row::of)
            .collect::<Result<Vec<_>, sqlx::Error>>()?;
        let rows = service::planted!("relay_skips_by_id" => {
            static LAST: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);
            let last = LAST.load(std::sync::atomic::Ordering::SeqCst);
            let newest = read.iter().map(|row| row.seq).max().unwrap_or_default();
            LAST.fetch_max(newest, std::sync::atomic::Ordering::SeqCst);
            read.into_iter().filter(|row| row.seq > last).collect::<Vec<_>>()
        }, else read);
        if rows.is_empty() {
            return Ok(Round::Idle);
        }
        sizes.record(rows.len() as f64);

        let mut batch = Batch::new(&self.producer, rows);
        let patience = async {
            let grace = async {
                stop.cancelled().await;
                tokio::time::sleep(GRACE).await;
            };
            let _ = tokio::time::timeout(STALLED, grace).await;
        };
        let answered = tokio::select! {
            () = batch.run() => true,
            () = patience => false,
        };
        if answered {
            let round = untraced(settle(&mut tx, batch.into_settled())).await?;
            tx.commit().await?;
            return Ok(round);
        }

        // The broker is away, for seconds or for hours. The messages stay with
        // the client, which sends them when it can, in order; the transaction
        // would only hold up the database.
        self.stalled().extend(&shards);
        drop(tx);
        batch.hand_over_no_more();
        self.kafka.lost("no answer in time");
        // What is not held up by this batch is the other lanes' work.
        self.more.notify_waiters();
        let answered = stop.run_until_cancelled(batch.run()).await.is_some();
        if answered {
            self.kafka.reached();
        }
        // What was answered is done with, also if the rest was not.
        let settled = self.settle_late(batch.into_settled()).await;
        let round = settled.map(|round| if answered { round } else { Round::Failed });
        self.stalled().retain(|shard| !shards.contains(shard));
        round
    }

    async fn settle_late(&self, rows: Vec<Settled<'_>>) -> Result<Round, sqlx::Error> {
        if rows.is_empty() {
            return Ok(Round::Idle);
        }
        let mut connection = self.pool.acquire().await?;
        untraced(settle(&mut connection, rows)).await
    }

    fn stalled(&self) -> MutexGuard<'_, Vec<i16>> {
        self.stalled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes down what became of the rows.
async fn settle(
    connection: &mut PgConnection,
    rows: Vec<Settled<'_>>,
) -> Result<Round, sqlx::Error> {
    let delivered: Vec<i64> = rows
        .iter()
        .filter(|row| row.result.is_ok())
        .map(|row| row.seq)
        .collect();
    if !delivered.is_empty() {
        store::delete(connection, &delivered).await?;
    }
    let mut round = Round::Sent(rows.len());
    for Settled { seq, topic, result } in rows {
        let error = match result {
            Ok(()) => continue,
            // No answer: neither sent nor refused.
            Err(ProduceError::Stopped) => {
                round = Round::Failed;
                continue;
            }
            Err(error) => error,
        };
        let is_final = matches!(error, ProduceError::Refused { .. });
        if store::mark(connection, seq, &error.to_string(), is_final).await? {
            tracing::error!(
                seq,
                topic,
                error_type = error.kind(),
                "outbox_row_set_aside"
            );
        }
    }
    Ok(round)
}
