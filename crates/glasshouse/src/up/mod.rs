//! `glasshouse up`: starts everything, shows it, and ends it again.

mod already;
mod detach;
mod launch;
mod observability;
mod plan;
mod programs;
mod services;
mod show;
mod signals;
mod stop;
mod targets;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::backing::{self, KafkaChoice, Place, Ports, RedisChoice};
use crate::components::Board;
use crate::progress::Progress;
use crate::slo::Preset;
use crate::state::{Lock, Phase, StateFile};
use crate::{command, output, project, table};

use launch::Launch;
use show::Show;
use signals::Signals;
pub(crate) use targets::of_job as targets_of;

/// What a shell calls the end by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// How to run it.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch on the command line"
)]
pub struct Options {
    /// Return when everything is ready, and leave it running.
    pub detach: bool,
    /// End after the journey.
    pub once: bool,
    /// Start Collector, Jaeger and Loki where they are found.
    pub tools: bool,
    /// Make the journey when everything is ready.
    pub journey: bool,
    /// Which Kafka.
    pub kafka: KafkaChoice,
    /// Which Redis.
    pub redis: RedisChoice,
    /// How long an hour of the alert rules is.
    pub preset: Preset,
    /// This is the process that `detach` leaves running.
    pub supervisor: bool,
}

/// Runs it in `home`.
///
/// # Errors
/// When a part without which nothing works does not start.
pub async fn run(home: &Path, options: &Options) -> Result<ExitCode> {
    let place = Place::open(home)?;
    if options.supervisor {
        detach::leave_terminal()?;
    }
    let Some(lock) = Lock::take(place.root())? else {
        return already::running(place.root());
    };
    let project = project::root()?;
    let progress = Progress::new();
    programs::ensure(&project, &progress).await?;
    if options.detach {
        // The process left behind takes the lock for itself.
        drop(lock);
        return detach::run(&place, options).await;
    }
    let result = supervise(place, project, options, progress).await;
    drop(lock);
    result
}

async fn supervise(
    place: Place,
    project: std::path::PathBuf,
    options: &Options,
    progress: Progress,
) -> Result<ExitCode> {
    let mut signals = Signals::new()?;
    for name in backing::clean(&place)? {
        progress.say(&format!("ended {name}, which an earlier run had left"));
    }
    place.rotate_logs()?;
    let board = Board::new(StateFile::in_folder(place.root()), plan::components());
    let launch = Launch {
        place: place.clone(),
        project,
        ports: Ports::well_known(),
        show: Show {
            board: board.clone(),
            progress: progress.clone(),
        },
        options: options.clone(),
    };
    let started = tokio::select! {
        started = launch.start() => Some(started),
        () = signals.next() => None,
    };
    let result = match started {
        Some(Ok(mut watchers)) => {
            let code = run_until_asked(&board, options, &progress, &mut signals).await;
            // Before anything is stopped, or they would start it again.
            watchers.shutdown().await;
            Ok(code)
        }
        Some(Err(error)) => Err(error),
        None => Ok(ExitCode::from(INTERRUPTED)),
    };
    let end = if result.is_ok() {
        Phase::Stopped
    } else {
        Phase::Failed
    };
    board.enter(Phase::Stopping);
    stop::everything(&place, &board, &progress, &mut signals).await?;
    board.enter(end);
    result
}

/// Everything is up: shows it, and waits for the end.
async fn run_until_asked(
    board: &Board,
    options: &Options,
    progress: &Progress,
    signals: &mut Signals,
) -> ExitCode {
    board.enter(Phase::Ready);
    progress.say(&format!("\n{}\n", table::render(&board.snapshot())));
    // The process that `detach` leaves running leaves the journey to its parent.
    if options.journey && !options.supervisor {
        let run = board.snapshot();
        let code = tokio::select! {
            made = command::journey::make(&run) => command::journey::report(made),
            () = signals.next() => return ExitCode::from(INTERRUPTED),
        };
        if options.once {
            return code;
        }
    }
    if !options.supervisor {
        let page = board.snapshot();
        let page = page.address("chat-gateway").unwrap_or_default().to_owned();
        output::line(&format!("\n{page} is the page. Ctrl-C ends everything."));
    }
    signals.next().await;
    ExitCode::SUCCESS
}
