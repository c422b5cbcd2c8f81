//! Runs a plan: a thread for each worker, each with a runtime and connections of
//! its own. Workers share nothing while they run; their records meet at the end.

mod alarm;
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

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::limits::{self, TooFewFiles};
use crate::plan::Plan;
use crate::record::Record;
use crate::report::Report;
use crate::target::TargetError;

/// Between the decision to run and the first arrival, so that all workers are
/// there for it.
const RUN_UP: Duration = Duration::from_millis(50);

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
    // However this ends, also by an error of one worker, no other goes on alone.
    let _end = end.clone().drop_guard();
    let start = Instant::now() + RUN_UP;
    let workers: Vec<_> = (0..plan.workers)
        .map(|index| spawn(index, start, Arc::clone(&plan), end.clone()))
        .collect::<Result<_, _>>()?;
    let mut record = Record::new(1);
    for worker in workers {
        record.merge(&worker.await.map_err(|_| RunError::Panicked)??);
    }
    Ok(Report::new(&plan.outline(), &record, stop.is_cancelled()))
}

fn spawn(
    index: usize,
    start: Instant,
    plan: Arc<Plan>,
    end: CancellationToken,
) -> io::Result<oneshot::Receiver<io::Result<Record>>> {
    let (send, receive) = oneshot::channel();
    thread::Builder::new()
        .name(format!("load-{index}"))
        .spawn(move || {
            // Nobody listens any more if the run was dropped: then nobody cares.
            let _ = send.send(worker::run(index, start, plan, end));
        })?;
    Ok(receive)
}
