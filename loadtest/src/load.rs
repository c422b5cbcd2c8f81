//! The command line of scenarios: `glasshouse load`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;

use crate::compare::Compare;
use crate::exit;
use crate::journeys::{self, Settings};
use crate::output::Output;
use crate::report::Link;
use crate::scenario::{BUILTIN, Scenario, Span, schema};

/// The scenario that needs no argument.
const DEFAULT: &str = "standard";

/// What a scenario is run with.
#[derive(Debug, Args)]
#[command(after_help = exit::HELP, args_conflicts_with_subcommands = true)]
pub struct Load {
    #[command(subcommand)]
    command: Option<Command>,
    /// A scenario of the program (see --list), or a YAML file
    #[arg(default_value = DEFAULT)]
    scenario: String,
    /// Where a target is, such as todo-api=http://127.0.0.1:8001; may be repeated
    #[arg(long, value_name = "NAME=ADDRESS", value_parser = named)]
    target: Vec<(String, String)>,
    /// A value of the scenario, in place of its own; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = named)]
    set: Vec<(String, String)>,
    /// Times the rates of the scenario
    #[arg(long, default_value_t = 1.0, value_parser = factor)]
    rate: f64,
    /// How long all phases take together, each its share; of a breakpoint, each rate
    #[arg(long, value_parser = span)]
    duration: Option<Duration>,
    /// What random arrivals, choices and data start from, in place of the scenario's
    #[arg(long)]
    seed: Option<u64>,
    /// Threads, each with users and connections of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
    /// Allow targets that are neither this machine nor in a private network
    #[arg(long)]
    allow_remote: bool,
    #[command(flatten)]
    output: Output,
    /// Name the scenarios of the program
    #[arg(long, exclusive = true)]
    list: bool,
    /// Print the JSON schema of scenarios
    #[arg(long, exclusive = true)]
    schema: bool,
}

/// A system that runs.
#[derive(Debug, Default)]
pub struct Found {
    /// Where the targets of scenarios are, by name.
    pub targets: BTreeMap<String, String>,
    /// Pages that show more of a run.
    pub links: Vec<Link>,
    /// Where its Prometheus looks for the targets of this job.
    pub scraped: Option<PathBuf>,
    /// Where a trace can be seen, before its id.
    pub traces_at: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Compare(Compare),
}

impl Load {
    /// Does what it says. `found` asks for the running system, if it is needed.
    ///
    /// # Errors
    /// If the run cannot begin, or its report cannot be written.
    pub async fn run(self, found: impl AsyncFnOnce() -> Found) -> Result<ExitCode> {
        if let Some(Command::Compare(compare)) = &self.command {
            return compare.run();
        }
        if self.list {
            return list();
        }
        if self.schema {
            writeln!(
                io::stdout().lock(),
                "{}",
                serde_json::to_string_pretty(&schema())?
            )?;
            return Ok(ExitCode::SUCCESS);
        }
        let scenario = match read(&self.scenario) {
            Ok(scenario) => scenario,
            Err(error) => {
                writeln!(io::stderr().lock(), "load: {error:#}")?;
                return Ok(ExitCode::from(exit::ARGUMENTS));
            }
        };
        let found = found().await;
        let mut targets = found.targets;
        targets.extend(self.target);
        let settings = Settings {
            targets,
            values: self.set.into_iter().collect(),
            allow_remote: self.allow_remote,
            workers: self.workers.into(),
            rate: self.rate,
            duration: self.duration,
            seed: self.seed,
            traces: self.output.traces(),
        };
        let stop = CancellationToken::new();
        let _watching = tokio::spawn(exit::stop_when_told(stop.clone()));
        let mut watch = self.output.watch(found.scraped).await?;
        let mut report = match journeys::run(&scenario, &settings, stop, &mut watch).await {
            Ok(report) => report,
            Err(crate::RunError::Interrupted) => {
                writeln!(
                    io::stderr().lock(),
                    "load: {}",
                    crate::RunError::Interrupted
                )?;
                return Ok(ExitCode::from(exit::INTERRUPTED));
            }
            Err(error) => return Err(error.into()),
        };
        (report.links, report.traces_at) = (found.links, found.traces_at);
        self.output.publish(&report)?;
        Ok(exit::code(&report))
    }
}

fn list() -> Result<ExitCode> {
    let mut out = io::stdout().lock();
    for builtin in BUILTIN {
        let scenario = Scenario::parse(builtin.text, builtin.name)?;
        writeln!(out, "{:<12} {}", builtin.name, scenario.about)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A scenario by its name, or from a file.
fn read(name: &str) -> Result<Scenario> {
    if let Some(builtin) = BUILTIN.iter().find(|builtin| builtin.name == name) {
        return Ok(Scenario::parse(builtin.text, name)?);
    }
    if !Path::new(name).is_file() {
        let names: Vec<&str> = BUILTIN.iter().map(|builtin| builtin.name).collect();
        bail!("{name:?} is neither a file nor one of {}", names.join(", "));
    }
    let text = std::fs::read_to_string(name).with_context(|| format!("cannot read {name}"))?;
    Ok(Scenario::parse(&text, name)?)
}

fn named(text: &str) -> Result<(String, String)> {
    let (name, value) = text.split_once('=').context("it is NAME=…")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn factor(text: &str) -> Result<f64> {
    match text.parse::<f64>() {
        Ok(factor) if factor > 0.0 && factor <= 1e6 => Ok(factor),
        _ => bail!("a number above 0"),
    }
}

fn span(text: &str) -> Result<Duration> {
    let span: Span = text.parse().map_err(anyhow::Error::msg)?;
    match span.0.is_zero() {
        true => bail!("more than nothing"),
        false => Ok(span.0),
    }
}
