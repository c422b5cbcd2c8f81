//! The command line.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command's output"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use crate::report;
use crate::run::{self, Plan};
use crate::schedule::schedule;
use crate::selftest;
use crate::world::Ground;

/// Breaks everything in reach while it counts, and compares the books.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write, break, wait for quiet, check: exit code 1 if a check fails
    Run(Run),
    /// Plant known bugs, one at a time: exit code 1 if one is not caught
    Selftest(Selftest),
}

/// A self-test.
#[derive(Debug, Args)]
struct Selftest {
    /// The folder of services that were built with the feature planted-bugs
    #[arg(long)]
    programs: PathBuf,
    /// Only this bug
    #[arg(long)]
    bug: Option<String>,
    /// Systems that run at the same time
    #[arg(long, default_value_t = 2)]
    at_once: usize,
    /// What the writes follow from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// A run.
#[derive(Debug, Args)]
struct Run {
    /// What faults and writes follow from; random unless given
    #[arg(long)]
    seed: Option<u64>,
    /// Acknowledged writes
    #[arg(long, default_value_t = 5000)]
    writes: u64,
    /// Faults
    #[arg(long, default_value_t = 40)]
    faults: usize,
}

impl Cli {
    /// Does what it says.
    pub fn run(self) -> ExitCode {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        let result = runtime.context("no runtime").and_then(|runtime| {
            runtime.block_on(async {
                match self.command {
                    Command::Run(run) => run.execute().await,
                    Command::Selftest(it) => {
                        selftest::run(&it.programs, it.bug.as_deref(), it.at_once, it.seed).await
                    }
                }
            })
        });
        match result {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("chaos: {error:#}");
                ExitCode::FAILURE
            }
        }
    }
}

impl Run {
    async fn execute(self) -> Result<bool> {
        let seed = self
            .seed
            .unwrap_or_else(|| rand::random_range(1..1_000_000));
        println!(
            "SEED={seed} WRITES={} FAULTS={} make chaos   # repeats this run",
            self.writes, self.faults
        );
        let ground = Ground::start(&programs()?).await?;
        let plan = Plan {
            name: "chaos".to_owned(),
            seed,
            writes: self.writes,
            steps: schedule(seed, self.faults),
            patience: Duration::from_secs(120),
            planted: None,
        };
        let outcome = run::run(&ground, &plan, &report::entry).await;
        let holds = match &outcome {
            Ok(outcome) => {
                report::kinds(&outcome.timeline);
                report::verdicts(&outcome.verdicts);
                println!("\nseed {seed}, {:.0} s", outcome.took.as_secs_f64());
                outcome.holds()
            }
            Err(_) => false,
        };
        if !holds {
            println!("logs: {}", keep_logs(&ground, seed)?.display());
        }
        ground.remove().await?;
        outcome.map(|_| holds)
    }
}

/// The services' programs lie beside this one.
fn programs() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    own.parent().map(Path::to_owned).context("a folder")
}

/// Copies the logs out of the temporary folder.
fn keep_logs(ground: &Arc<Ground>, seed: u64) -> Result<PathBuf> {
    let folder = glasshouse::project::root()?.join(format!(".glasshouse/chaos-{seed}"));
    std::fs::create_dir_all(&folder)?;
    for entry in std::fs::read_dir(ground.place.logs())?.flatten() {
        std::fs::copy(entry.path(), folder.join(entry.file_name()))?;
    }
    Ok(folder)
}
