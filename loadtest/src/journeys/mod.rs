//! Runs a scenario: journeys begin at the times of their schedule, whatever has
//! become of those before them.
//!
//! **What is measured from when.** A journey is meant to begin at its arrival, and
//! so is its first step. Each later step is meant to go when the answer before it
//! has come and the pause between them is over: a user reacts to what he sees. So
//! the wait for a slow step is counted in that step and in the row of the whole
//! journey, which is from its arrival to its end with all pauses, and not again in
//! the steps behind it. *Corrected* times are from when a step was meant to go: they
//! contain the wait for a connection, and the generator's own lateness. *Service*
//! times are from when it went.

mod collect;
mod prepare;
mod search;
mod session;
mod settings;
mod variables;
mod walk;
mod worker;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::engine::RunError;
use crate::limits;
use crate::outline::{Outline, Schedule};
use crate::record::Record;
use crate::report::Report;
use crate::scenario::Scenario;
use crate::script::rows;
use crate::watch::Watch;

use collect::Collector;
use prepare::Prepared;
use settings::Phase;
pub use settings::Settings;

/// Between the decision to run and the first arrival, so that all workers are
/// there for it.
const RUN_UP: Duration = Duration::from_millis(50);
/// Seconds of records that may wait for the collector, of all workers.
const WAITING_SECONDS: usize = 1024;

/// Runs a scenario while somebody looks. When `stop` is cancelled, begins no more journeys and reports
/// what there is.
///
/// # Errors
/// If it cannot begin. What goes wrong later is in the report.
pub async fn run(
    scenario: &Scenario,
    settings: &Settings,
    stop: CancellationToken,
    watch: &mut Watch,
) -> Result<Report, RunError> {
    let run = Run::prepare(scenario, settings).await?;
    let mut report = match &scenario.breakpoint {
        Some(search) => search::run(&run, search, &stop, watch).await?,
        None => {
            let phases = settings.phases(scenario);
            let (outline, outcome) = run.pass(&phases, &stop, watch).await?;
            outcome.report(&outline, scenario, stop.is_cancelled())
        }
    };
    report.timeline = watch.end();
    Ok(report)
}

/// A scenario with its accounts, ready to be run, once or with rising rates.
struct Run {
    scenario: Arc<Scenario>,
    prepared: Arc<Prepared>,
    workers: usize,
    /// Of a search: times its rates, and how long each is held.
    rate: f64,
    each: Option<Duration>,
    /// The share of requests whose trace is kept; without one, no trace header.
    traces: Option<f64>,
}

impl Run {
    async fn prepare(scenario: &Scenario, settings: &Settings) -> Result<Self, RunError> {
        let targets = settings.resolve(scenario).await?;
        let sockets = scenario.sockets.as_ref().map_or(0, |sockets| sockets.count);
        limits::allow_connections(scenario.connections * targets.len() + sockets)?;
        for target in targets.values() {
            target.reach().await?;
        }
        let mut scenario = scenario.clone();
        scenario.values.extend(settings.values.clone());
        scenario.seed = settings.seed.unwrap_or(scenario.seed);
        let scenario = Arc::new(scenario);
        let rooms = scenario
            .sockets
            .as_ref()
            .map_or(usize::MAX, |sockets| sockets.rooms);
        let users = scenario
            .users
            .as_ref()
            .map_or(usize::MAX, |users| users.count);
        let workers = settings.workers.clamp(1, rooms.min(users));
        let prepared = prepare::prepare(Arc::clone(&scenario), targets).await?;
        Ok(Self {
            prepared: Arc::new(prepared),
            workers,
            scenario,
            rate: settings.rate,
            each: settings.duration,
            traces: settings.traces,
        })
    }

    fn outline(&self, phases: &[Phase]) -> Outline {
        let targets = self.prepared.targets.values();
        let mut targets: Vec<String> = targets.map(ToString::to_string).collect();
        targets.dedup();
        Outline {
            scenario: Some(self.scenario.name.clone()),
            target: targets.join(", "),
            schedule: settings::shape(phases).map(|(shape, spacing)| Schedule {
                shape,
                spacing,
                seed: self.scenario.seed,
            }),
            planned: phases.iter().map(|phase| phase.duration).sum(),
            workers: self.workers,
            connections: self.scenario.connections,
            lateness: self.scenario.max_lateness.0,
            steps: rows::of(&self.scenario),
        }
    }

    /// Sends the phases, once.
    async fn pass(
        &self,
        phases: &[Phase],
        stop: &CancellationToken,
        watch: &mut Watch,
    ) -> Result<(Outline, Collector), RunError> {
        let outline = self.outline(phases);
        let phases: Arc<[Phase]> = phases.into();
        // A worker that meets a limit of the machine, and a stop condition, end the
        // run for all; a stop from outside is told apart by its own token.
        let end = stop.child_token();
        let _end = end.clone().drop_guard();
        let (start, started) = tokio::sync::watch::channel(None);
        let (seconds, mut collected) = mpsc::channel(WAITING_SECONDS);
        let mut ready = Vec::new();
        for index in 0..self.workers {
            let (is_ready, when_ready) = oneshot::channel();
            ready.push(when_ready);
            spawn(worker::Worker {
                index,
                workers: self.workers,
                scenario: Arc::clone(&self.scenario),
                prepared: Arc::clone(&self.prepared),
                phases: Arc::clone(&phases),
                traces: self.traces,
                ready: is_ready,
                start: started.clone(),
                seconds: seconds.clone(),
                end: end.clone(),
            })?;
        }
        drop(seconds);
        for ready in ready {
            tokio::select! {
                // Who does not say that it is ready has panicked.
                ready = ready => ready.map_err(|_| RunError::Panicked)?.map_err(RunError::Setup)?,
                () = stop.cancelled() => return Err(RunError::Interrupted),
            }
        }
        start.send_replace(Some(Instant::now() + RUN_UP));
        let mut collector = Collector::new(&outline, &self.scenario);
        watch.begin(&outline);
        while let Some(message) = collected.recv().await {
            if let Told::Second(second) = &message {
                watch.take(second);
            }
            collector.take(message, &outline, &end);
        }
        collector.finish(self.workers)?;
        Ok((outline, collector))
    }
}

/// What a worker tells while it runs.
enum Told {
    /// What it has written down since the last time.
    Second(Box<Record>),
    /// It has come to its end.
    End,
}

fn spawn(worker: worker::Worker) -> io::Result<()> {
    let name = format!("journeys-{}", worker.index);
    thread::Builder::new()
        .name(name)
        .spawn(move || worker.run())?;
    Ok(())
}
