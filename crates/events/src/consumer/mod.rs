//! The consumer: reads topics as a member of a group, and gives each event to a
//! [`Handler`] inside a transaction.
//!
//! - A thread polls the client (group membership, rebalances, commits). It does
//!   no work, so no handler, however slow, costs the membership.
//! - Each assigned partition has its own queue and its own task. A task that does
//!   not take up messages is back pressure enough: the client fetches no more
//!   than its queue may hold.
//! - Events of different keys are worked on in parallel, those of one key in
//!   order. What waits is applied in transactions of many events; if one fails,
//!   its keys go on by themselves, event by event: a bad event costs its
//!   neighbours nothing, and one that waits holds up its own key alone.
//! - The offset moves after the commit, only over what is done without a gap, and
//!   is committed every second, at a revocation and at the end.

mod assignment;
mod config;
pub(crate) mod dead_letter;
mod effect;
mod envelope;
mod group;
mod handler;
mod job;
mod lag;
mod membership;
mod offsets;
mod pace;
mod partition;
mod progress;
mod retry;
mod settle;
mod waiting;
mod work;

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::KafkaError;
use sqlx::PgPool;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

pub use config::Settings;
pub use effect::{Effect, Effects, Failure};
pub use envelope::{Envelope, Malformed};
pub use handler::{Handler, HandlerError, Outcome};
pub use partition::Taken;
pub use retry::Budget;

use crate::inbox;
use effect::InTransaction;
use group::Group;
use membership::Parting;
use partition::Worker;

/// Causes of dead letters and failed attempts that are known in advance; a
/// handler may add its own.
pub(crate) const CAUSES: &[&str] = &[
    "null_payload",
    "missing_header",
    "malformed_header",
    "malformed_body",
    "unknown_type",
    "unsupported_version",
    "retries_exhausted",
    "panic",
    "database",
    "database_error",
    "database_refused",
];

/// How long the client may take to say goodbye to its group.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why consumption ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// The client cannot be made or go on.
    #[error("the Kafka consumer failed: {0}")]
    Client(#[from] KafkaError),
    /// The thread cannot be started.
    #[error("the consumer's thread cannot be started: {0}")]
    Thread(#[from] std::io::Error),
    /// A part of it panicked, or broke a promise that order rests on.
    #[error("the consumer is broken: {0}")]
    Broken(&'static str),
}

/// Consumes until `stop`; then finishes what is in hand, commits, and leaves the
/// group. Each event takes effect in a transaction of `pool` with its row of the
/// inbox. Brokers that are away, now or later, are waited for.
pub async fn run<H: Handler>(
    settings: Settings,
    pool: PgPool,
    handler: H,
    stop: CancellationToken,
) -> Result<(), ConsumerError> {
    let effects = InTransaction {
        pool: pool.clone(),
        group: settings.group.clone(),
        handler,
    };
    tokio::select! {
        result = run_with(settings, effects, stop) => result,
        () = inbox::keep_short(&pool) => Err(ConsumerError::Broken("the inbox is not kept")),
    }
}

/// As [`run`], for events that take effect in another way.
pub async fn run_with<E: Effects>(
    settings: Settings,
    effects: E,
    stop: CancellationToken,
) -> Result<(), ConsumerError> {
    let stop = stop.child_token();
    // If this future is dropped, the thread shall not go on alone.
    let _guard = stop.clone().drop_guard();
    let group = Arc::new(Group::new(settings, effects.concurrency()));
    let worker = Arc::new(Worker {
        group: group.clone(),
        effects,
    });
    let mut replaces = false;
    loop {
        match member(&group, worker.clone(), replaces, stop.clone()).await? {
            Parting::Asked => return Ok(()),
            Parting::Stuck => {
                replaces = true;
                group.count_error("group");
                tracing::warn!(consumer_group = group.settings.group, "consumer_replaced");
            }
        }
    }
}

/// One member of the group, from its joining to its leaving.
async fn member<E: Effects>(
    group: &Arc<Group>,
    worker: Arc<Worker<E>>,
    replaces: bool,
    stop: CancellationToken,
) -> Result<Parting, ConsumerError> {
    let consumer = membership::join(group, worker, replaces)?;

    let (result, ended) = oneshot::channel();
    let (farewell, gone) = oneshot::channel::<()>();
    std::thread::Builder::new()
        .name("kafka-consumer".to_owned())
        .spawn({
            let consumer = consumer.clone();
            move || {
                // The receiver is gone only if nobody waits any more.
                let _ = result.send(membership::attend(&consumer, &stop));
                drop(consumer);
                drop(farewell);
            }
        })?;

    let watched = Arc::downgrade(&consumer);
    drop(consumer);
    let result = tokio::select! {
        result = ended => result.unwrap_or(Err(ConsumerError::Broken("the polling thread panicked"))),
        () = lag::watch(group, watched) => Err(ConsumerError::Broken("lag is not watched")),
    };
    // Without a broker the farewell would take until the session times out.
    let _ = tokio::time::timeout(FAREWELL, gone).await;
    result
}
