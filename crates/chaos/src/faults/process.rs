//! Signals.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use glasshouse::supervise::Process;
use nix::sys::signal::Signal;

use super::Came;
use crate::fault::Target;
use crate::world::{World, kill_all, signal_all, store_process, tree};

/// Longer than the services' own deadline of ten seconds.
const PATIENCE: Duration = Duration::from_secs(12);
/// How long a server may take to come back.
const COMEBACK: Duration = Duration::from_secs(60);

/// Ends it without a word, and starts it again.
pub async fn kill(world: &World, target: Target) -> Result<Came> {
    hold(world, target);
    let process = process(world, target)?;
    let all = process.pid().map(tree).unwrap_or_default();
    process.kill().await;
    // A server's children notice the death of their parent, but work on until
    // they do: a machine that fails takes all of them at once.
    kill_all(&all);
    comeback(world, target).await?;
    Ok(Came::Done(String::new()))
}

/// Asks it to leave, and starts it again.
pub async fn terminate(world: &World, target: Target) -> Result<Came> {
    hold(world, target);
    let start = Instant::now();
    process(world, target)?.stop(PATIENCE).await;
    let left = start.elapsed();
    comeback(world, target).await?;
    Ok(Came::Done(format!("left after {} ms", left.as_millis())))
}

/// Stops it where it stands, and lets it go on.
pub async fn pause(world: &World, target: Target, lasts: Duration) -> Result<Came> {
    let all = process(world, target)?.pid().map(tree).unwrap_or_default();
    signal_all(&all, Signal::SIGSTOP);
    tokio::time::sleep(lasts).await;
    signal_all(&all, Signal::SIGCONT);
    Ok(Came::Done(String::new()))
}

fn process(world: &World, target: Target) -> Result<&Process> {
    match target {
        Target::Service(service) => Ok(world.node(service).process()),
        Target::Store(store) => store_process(&world.ground, store),
    }
}

fn hold(world: &World, target: Target) {
    if let Target::Service(service) = target {
        world.node(service).hold();
    }
}

/// Starts it again, as often as it takes.
pub async fn comeback(world: &World, target: Target) -> Result<()> {
    let deadline = Instant::now() + COMEBACK;
    loop {
        let started = match target {
            Target::Service(service) => world.node(service).revive().await,
            Target::Store(store) => store_process(&world.ground, store)?.start().await,
        };
        match started {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > deadline => {
                return Err(error).with_context(|| format!("{target} does not come back"));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(300)).await,
        }
    }
}
