//! `up --detach`: another process supervises, and outlives this one.

use std::fs::OpenOptions;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Child;
use tokio::time::sleep;

use super::Options;
use super::signals::Signals;
use crate::backing::{KafkaChoice, Place, RedisChoice};
use crate::command::follow::Follower;
use crate::slo::Preset;
use crate::state::{Phase, RunState, StateFile};
use crate::{command, output};

/// The name of the supervisor's own log.
const LOG: &str = "glasshouse";

/// Makes this process independent of the terminal it was started from.
pub(super) fn leave_terminal() -> Result<()> {
    nix::unistd::setsid().context("leaving the terminal")?;
    Ok(())
}

/// Starts the supervisor, shows what it does until everything is ready, makes
/// the journey and returns.
pub(super) async fn run(place: &Place, options: &Options) -> Result<ExitCode> {
    let mut signals = Signals::new()?;
    let log = place.log(LOG);
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(&log)?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("--home")
        .arg(place.root())
        .args(["up", "--supervisor"]);
    if !options.journey {
        command.arg("--no-journey");
    }
    if !options.tools {
        command.arg("--no-tools");
    }
    if options.preset == Preset::Workshop {
        command.arg("--workshop");
    }
    if options.kafka == KafkaChoice::Mock {
        command.args(["--kafka", "mock"]);
    }
    if options.redis == RedisChoice::StandIn {
        command.args(["--redis", "stand-in"]);
    }
    command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file);
    let mut supervisor = tokio::process::Command::from(command).spawn()?;

    let mut follower = Follower::from_start(&log);
    let run = loop {
        sleep(Duration::from_millis(50)).await;
        follower
            .new_lines()
            .iter()
            .for_each(|line| output::line(line));
        if let Some(run) = ready(place, &supervisor) {
            break run;
        }
        if let Some(status) = supervisor.try_wait()? {
            follower
                .new_lines()
                .iter()
                .for_each(|line| output::line(line));
            bail!(
                "it did not start ({status}); all it said is in {}",
                log.display()
            );
        }
        if signals.pending() {
            return abandon(supervisor).await;
        }
    };
    sleep(Duration::from_millis(100)).await;
    follower
        .new_lines()
        .iter()
        .for_each(|line| output::line(line));
    let mut code = ExitCode::SUCCESS;
    if options.journey {
        code = command::journey::report(command::journey::make(&run).await);
    }
    output::line("\nIt goes on running: `glasshouse status` shows it, `glasshouse down` ends it.");
    Ok(code)
}

fn ready(place: &Place, supervisor: &Child) -> Option<RunState> {
    let run = StateFile::in_folder(place.root()).load()?;
    let ours = run.supervisor.as_ref().map(|who| who.pid) == supervisor.id();
    (ours && run.phase == Phase::Ready).then_some(run)
}

async fn abandon(mut supervisor: Child) -> Result<ExitCode> {
    use nix::sys::signal::{Signal, kill};
    if let Some(pid) = supervisor.id() {
        let _ = kill(
            nix::unistd::Pid::from_raw(pid.cast_signed()),
            Signal::SIGTERM,
        );
    }
    supervisor.wait().await?;
    Ok(ExitCode::from(super::INTERRUPTED))
}
