//! Runs a plan: a thread for each worker, each with a runtime and connections of
//! its own. Workers share nothing while they run; their records meet at the end.

pub(crate) mod alarm;
pub(crate) mod busy;
mod deadline;
mod exchange;
mod lane;
mod load;
mod pool;
mod worker;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::limits::{self, TooFewFiles};
use crate::plan::Plan;
use crate::record::Record;
use crate::report::Report;
use crate::target::TargetError;
use crate::watch::Watch;

/// Between the decision to run and the first arrival, so that all workers are
/// there for it.
const RUN_UP: Duration = Duration::from_millis(50);

/// Seconds of records that may wait to be put together, of all workers.
const WAITING_SECONDS: usize = 1024;

/// Why a run could not take place.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Nobody is there to be loaded.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Too few connections are allowed.
    #[error(transparent)]
    Files(#[from] TooFewFiles),
    /// A worker could not start.
    #[error("a worker could not start: {0}")]
    Worker(#[from] io::Error),
    /// A step names a target that nobody has said where it is.
    #[error("nothing is known of the target {0:?}; is it running? Or say --target {0}=ADDRESS")]
    NoTarget(String),
    /// What comes before the first arrival did not succeed.
    #[error("the set-up failed: {0}")]
    Setup(String),
    /// It was stopped before its first arrival.
    #[error("stopped before the first arrival; there is nothing to report")]
    Interrupted,
    /// A worker ended without its record.
    #[error("a worker panicked; its message is above")]
    Panicked,
}

/// Runs the plan. When `stop` is cancelled, sends nothing more and reports what
/// there is.
///
/// # Errors
/// If it cannot begin. What goes wrong later is in the report.
pub async fn run(plan: Plan, stop: CancellationToken) -> Result<Report, RunError> {
    run_watched(plan, stop, &mut Watch::quiet()).await
}

/// As [`run`], with somebody looking.
///
/// # Errors
/// If it cannot begin. What goes wrong later is in the report.
pub async fn run_watched(
    plan: Plan,
    stop: CancellationToken,
    watch: &mut Watch,
) -> Result<Report, RunError> {
    let plan = Arc::new(Plan {
        workers: plan.workers.clamp(1, plan.connections.max(1)),
        connections: plan.connections.max(1),
        ..plan
    });
    limits::allow_connections(plan.connections)?;
    plan.target.reach().await?;

    // A worker that meets a limit of the machine ends the run for all; a stop
    // from outside is told apart by its own token.
    let end = stop.child_token();
    // However this ends, no worker goes on.
    let _end = end.clone().drop_guard();
    let start = Instant::now() + RUN_UP;
    let (seconds, mut written) = mpsc::channel(WAITING_SECONDS);
    let workers: Vec<_> = (0..plan.workers)
        .map(|index| {
            spawn(
                index,
                start,
                Arc::clone(&plan),
                seconds.clone(),
                end.clone(),
            )
        })
        .collect::<Result<_, _>>()?;
    drop(seconds);
    let outline = plan.outline();
    let mut record = Record::new(1);
    watch.begin(&outline);
    while let Some(second) = written.recv().await {
        record.merge(&second);
        watch.take(&second);
    }
    for worker in workers {
        worker.await.map_err(|_| RunError::Panicked)??;
    }
    record.end();
    let mut report = Report::new(&outline, &record, stop.is_cancelled());
    report.timeline = watch.end();
    Ok(report)
}

fn spawn(
    index: usize,
    start: Instant,
    plan: Arc<Plan>,
    seconds: mpsc::Sender<Record>,
    end: CancellationToken,
) -> io::Result<oneshot::Receiver<io::Result<()>>> {
    let (send, receive) = oneshot::channel();
    thread::Builder::new()
        .name(format!("load-{index}"))
        .spawn(move || {
            // Also when it panics, no other goes on alone.
            let others = end.clone().drop_guard();
            let outcome = worker::run(index, start, plan, seconds, end);
            if outcome.is_ok() {
                others.disarm();
            }
            // Nobody listens any more if the run was dropped: then nobody cares.
            let _ = send.send(outcome);
        })?;
    Ok(receive)
}
