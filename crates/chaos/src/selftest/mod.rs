//! The proof of the proof: each known bug must be caught by its check, and the
//! services without one must stand all the trouble that shows them.

mod bugs;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Result, ensure};

pub use bugs::{BUGS, Bug, Trouble};

use crate::faults::lock;
use crate::report;
use crate::run::{self, Outcome, Plan};
use crate::world::Ground;

/// Acknowledged writes of a run: so many that whoever is killed is at work.
const WRITES: u64 = 900;
/// A system with a bug may never come to rest.
const PATIENCE: Duration = Duration::from_secs(25);

/// One run: of a bug, or of none.
type Job = Option<&'static Bug>;

/// Runs all of it, or the bug that is named `only`; `at_once` systems at a time, each on servers of its own.
/// Answers whether every bug was caught, and nothing else.
///
/// # Errors
/// When something does not start.
pub async fn run(programs: &Path, only: Option<&str>, at_once: usize, seed: u64) -> Result<bool> {
    let all = std::iter::once(None).chain(BUGS.iter().map(Some));
    let chosen = |job: &Job| only.is_none_or(|only| job.is_some_and(|bug| bug.name == only));
    let jobs: VecDeque<Job> = all.filter(chosen).collect();
    ensure!(!jobs.is_empty(), "there is no bug of that name");
    let jobs = Arc::new(Mutex::new(jobs));
    let workers = (0..at_once).map(|_| work(programs.to_owned(), jobs.clone(), seed));
    let right = futures_util::future::try_join_all(workers).await?;
    Ok(right.into_iter().all(|right| right))
}

async fn work(programs: PathBuf, jobs: Arc<Mutex<VecDeque<Job>>>, seed: u64) -> Result<bool> {
    let ground = Ground::start(&programs).await?;
    let mut right = true;
    loop {
        let Some(job) = lock(&jobs).pop_front() else {
            break;
        };
        let plan = plan(job, seed);
        let outcome = run::run(&ground, &plan, &|_| {}).await;
        right &= judge(job, outcome);
    }
    ground.remove().await?;
    Ok(right)
}

fn plan(job: Job, seed: u64) -> Plan {
    let steps = match job {
        Some(bug) => bug.trouble.steps(),
        None => Trouble::ALL.into_iter().flat_map(Trouble::steps).collect(),
    };
    Plan {
        name: job.map_or("none", |bug| bug.name).to_owned(),
        seed,
        writes: if job.is_some() { WRITES } else { WRITES * 2 },
        steps,
        patience: PATIENCE,
        planted: job.map(|bug| bug.name.to_owned()),
    }
}

fn judge(job: Job, outcome: Result<Outcome>) -> bool {
    let (right, said) = match (job, &outcome) {
        (_, Err(error)) => (false, format!("could not be run: {error:#}")),
        (None, Ok(outcome)) => (outcome.holds(), "all checks".to_owned()),
        (Some(bug), Ok(outcome)) => {
            let failed: Vec<&str> = outcome
                .verdicts
                .iter()
                .filter(|verdict| !verdict.holds())
                .map(|verdict| verdict.name)
                .collect();
            let (right, others): (Vec<&str>, Vec<&str>) =
                (failed.iter()).partition(|name| bug.caught_by.contains(name));
            let others = others.join(", ");
            let said = match (right.is_empty(), others.is_empty()) {
                (false, true) => format!("by {}", right.join(", ")),
                (false, false) => format!("by {} (and {others})", right.join(", ")),
                (true, true) => "by no check".to_owned(),
                (true, false) => format!("not by {}, by {others}", bug.caught_by.join(" or ")),
            };
            (!right.is_empty(), said)
        }
    };
    let took = outcome
        .as_ref()
        .map_or(0.0, |outcome| outcome.took.as_secs_f64());
    report::bug(job, right, &said, took);
    if let (false, Ok(outcome)) = (right, &outcome) {
        report::verdicts(&outcome.verdicts);
    }
    right
}
