//! `glasshouse backing -- <command…>`.

use std::process::ExitStatus;
use std::sync::Arc;

use anyhow::{Context, Result};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use crate::backing::{Backing, Options};
use crate::{output, project};

/// The admin address of PostgreSQL, for the command.
pub const POSTGRES: &str = "GLASSHOUSE_TEST_POSTGRES";
/// The address of Redis, for the command.
pub const REDIS: &str = "GLASSHOUSE_TEST_REDIS";
/// The brokers of Kafka, for the command.
pub const KAFKA: &str = "GLASSHOUSE_TEST_KAFKA";

/// Starts private backing services, runs `command` with their addresses in its
/// environment, stops them, and returns how the command ended. Unless `durable`,
/// PostgreSQL does without all that only matters for what is kept.
///
/// # Errors
/// When a backing service or the command cannot be started.
pub async fn run(command: &[String], durable: bool) -> Result<ExitStatus> {
    let (program, arguments) = command.split_first().context("no command to run")?;
    let note = Arc::new(|text: &str| output::aside(&format!("backing: {text}")));
    let mut options = Options::for_tests();
    options.note = note;
    options.postgres.durable = durable;
    // Taken before anything starts: an interrupted start must clean up, too.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let place = crate::backing::scratch()?;
    let backing = tokio::select! {
        started = Backing::start(place.root(), options) => started,
        _ = interrupt.recv() => Err(anyhow::anyhow!("interrupted")),
        _ = terminate.recv() => Err(anyhow::anyhow!("interrupted")),
    };
    let result = match &backing {
        Ok(backing) => {
            let mut command = Command::new(program);
            command.args(arguments);
            attach(&mut command, backing);
            follow(command, &mut terminate)
                .await
                .with_context(|| program.clone())
        }
        Err(error) => Err(anyhow::anyhow!("{error:#}")),
    };
    if let Ok(backing) = &backing {
        backing.stop().await;
    }
    crate::backing::clean(&place)?;
    place.remove()?;
    result
}

fn attach(command: &mut Command, backing: &Backing) {
    command
        .env(POSTGRES, backing.postgres.admin_url())
        .env(REDIS, backing.redis.url())
        .env(KAFKA, backing.kafka.brokers());
    for variable in project::variables_of_cargo_run() {
        command.env_remove(variable);
    }
}

/// Ctrl-C reaches the command by itself, as it is in our process group; we only
/// must not end before it. A termination is ours alone and is passed on.
async fn follow(
    mut command: Command,
    terminate: &mut tokio::signal::unix::Signal,
) -> Result<ExitStatus> {
    let mut child = command.kill_on_drop(true).spawn()?;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(status?),
            _ = terminate.recv() => if let Some(pid) = child.id() {
                let _ = signal::kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM);
            },
        }
    }
}
