//! One run: a system, its writers, a plan of faults, and the checks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::checks::{self, Case, Verdict};
use crate::evidence::Evidence;
use crate::fault::{Fault, Service};
use crate::faults::{Entry, Injector, lock};
use crate::ledger::Ledger;
use crate::pace::Pace;
use crate::quiet;
use crate::schedule::Step;
use crate::workload;
use crate::world::{Ground, World};

/// Between the recovery from one step and the next.
const REST: Duration = Duration::from_millis(400);
/// For the first write to arrive.
const WARM_UP: Duration = Duration::from_secs(60);
/// The writers are through their share by now, or stuck.
const LAST_WRITES: Duration = Duration::from_secs(180);

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Names its files.
    pub name: String,
    /// What the writes follow from.
    pub seed: u64,
    /// Acknowledged writes.
    pub writes: u64,
    /// The faults.
    pub steps: Vec<Step>,
    /// How long the system may take to finish its work.
    pub patience: Duration,
    /// A bug for services that were built with some.
    pub planted: Option<String>,
}

/// What came of it.
pub struct Outcome {
    /// What was done when.
    pub timeline: Vec<Entry>,
    /// What was found.
    pub verdicts: Vec<Verdict>,
    /// How long it took.
    pub took: Duration,
}

impl Outcome {
    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.verdicts.iter().all(Verdict::holds)
    }
}

/// Waits until what is written goes all the way: a fault before that would hit
/// nothing.
async fn warm_up(world: &World, pace: &Pace) -> Result<()> {
    // A small part of the writes, at once.
    pace.step(
        Duration::ZERO,
        Duration::from_secs(1),
        Duration::from_secs(30),
    );
    let deadline = Instant::now() + WARM_UP;
    let arrived = "SELECT EXISTS (SELECT FROM inbox)";
    let worker = world.pool(Service::EventWorker);
    while !sqlx::query_scalar(arrived).fetch_one(worker).await? {
        ensure!(Instant::now() < deadline, "no write arrives at the worker");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Runs it.
///
/// # Errors
/// When the system does not start, or does not recover from a fault.
pub async fn run(
    ground: &Arc<Ground>,
    plan: &Plan,
    say: &(dyn Fn(&Entry) + Sync),
) -> Result<Outcome> {
    let start = Instant::now();
    let planted = plan.planted.as_deref();
    let world = Arc::new(World::start(ground.clone(), &plan.name, 8, planted).await?);
    let outcome = with(&world, plan, say).await;
    world.restore_links();
    world.stop().await;
    let (timeline, verdicts) = outcome?;
    Ok(Outcome {
        timeline,
        verdicts,
        took: start.elapsed(),
    })
}

async fn with(
    world: &Arc<World>,
    plan: &Plan,
    say: &(dyn Fn(&Entry) + Sync),
) -> Result<(Vec<Entry>, Vec<Verdict>)> {
    let ledger = Arc::new(Ledger::default());
    let pace = Arc::new(Pace::new(plan.writes));
    let mut writers = workload::start(world, &ledger, &pace, plan.seed);
    warm_up(world, &pace).await?;
    let injector = Injector::new(world.clone(), plan.seed);
    let total: Duration = plan.steps.iter().map(|step| step.estimate() + REST).sum();
    let mut before = Duration::ZERO;
    for (number, step) in plan.steps.iter().enumerate() {
        let lasts = step.estimate() + REST;
        pace.step(before, lasts, total);
        tokio::time::sleep(REST).await;
        injector.step(number, step, say).await?;
        before += lasts;
    }
    pace.finish();
    let all = async { while writers.join_next().await.is_some() {} };
    // What is missing then, the checks will say.
    let _ = tokio::time::timeout(LAST_WRITES, all).await;
    writers.shutdown().await;

    let left = quiet::wait(world, plan.patience).await;
    let books = ledger.close();
    let evidence = Evidence::gather(world, &books).await?;
    let case = Case {
        books,
        evidence,
        poisoned: lock(&injector.poisoned).clone(),
        orderly: lock(&injector.orderly).clone(),
        deaths: world.deaths(),
        left,
        clock_jumped: plan
            .steps
            .iter()
            .flat_map(|step| &step.faults)
            .any(|(_, fault)| matches!(fault, Fault::ClockJump(..))),
        target: plan.writes,
    };
    let timeline = lock(&injector.timeline).clone();
    Ok((timeline, checks::check(&case)))
}
