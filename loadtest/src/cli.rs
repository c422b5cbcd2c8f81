//! The command line.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::{Parser, Subcommand};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio_util::sync::CancellationToken;

use crate::arrivals::{Arrivals, Shape, Spacing};
use crate::compare::Compare;
use crate::engine;
use crate::exit;
use crate::output::Output;
use crate::plan::{Pace, Plan, Template};
use crate::target::Target;

/// Sends HTTP requests at the times of a schedule, and measures from those times.
#[derive(Debug, Parser)]
#[command(
    version,
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true,
    after_help = exit::HELP
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Where to, such as http://127.0.0.1:8080/v1/tasks
    #[arg(required = true)]
    url: Option<String>,
    /// Requests a second: 500, ramp:100-2000, step:100,200,400, spike:100-2000, sine:50-500x3
    #[arg(long, short, default_value = "100", value_name = "SHAPE")]
    rate: Shape,
    /// Independent arrivals (a Poisson process) in place of evenly spaced ones
    #[arg(long)]
    poisson: bool,
    /// What random arrivals start from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds
    #[arg(long, short, default_value = "10", value_parser = seconds)]
    duration: Duration,
    /// Closed loop: each connection sends when it has had its answer, and --rate is ignored
    #[arg(long, conflicts_with_all = ["rate", "poisson"])]
    closed_loop: bool,
    /// Connections at most
    #[arg(long, short, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    connections: u32,
    /// Threads, each with its own connections
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
    /// Seconds after which an answer is given up
    #[arg(long, default_value = "10", value_parser = seconds)]
    timeout: Duration,
    /// Seconds by which the generator itself may be late at p99, in a valid run
    #[arg(long, default_value = "0.005", value_parser = seconds)]
    max_lateness: Duration,
    /// The method
    #[arg(long, short = 'X', default_value = "GET")]
    method: Method,
    /// A header, as "name: value"; may be repeated
    #[arg(long, short = 'H', value_parser = header)]
    header: Vec<(HeaderName, HeaderValue)>,
    /// The body
    #[arg(long, default_value = "")]
    body: String,
    /// Allow a target that is neither this machine nor in a private network
    #[arg(long)]
    allow_remote: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Command {
    Compare(Compare),
}

impl Cli {
    /// Does what it says.
    ///
    /// # Errors
    /// If the run cannot begin, or its report cannot be written.
    pub async fn run(self) -> Result<ExitCode> {
        if let Some(Command::Compare(compare)) = &self.command {
            return compare.run();
        }
        let output = self.output.clone();
        let plan = self.plan().await?;
        let stop = CancellationToken::new();
        let _watching = tokio::spawn(exit::stop_when_told(stop.clone()));
        let mut watch = output.watch(None).await?;
        let report = engine::run_watched(plan, stop, &mut watch).await?;
        output.publish(&report)?;
        Ok(exit::code(&report))
    }

    async fn plan(self) -> Result<Plan> {
        let target =
            Target::resolve(self.url.as_deref().unwrap_or_default(), self.allow_remote).await?;
        let pace = if self.closed_loop {
            Pace::Closed {
                duration: self.duration,
            }
        } else {
            Pace::Open(Arrivals {
                shape: self.rate,
                spacing: if self.poisson {
                    Spacing::Poisson
                } else {
                    Spacing::Even
                },
                duration: self.duration,
                seed: self.seed,
            })
        };
        let mut headers = HeaderMap::new();
        for (name, value) in self.header {
            headers.append(name, value);
        }
        Ok(Plan {
            template: Template {
                method: self.method,
                headers,
                body: Bytes::from(self.body),
            },
            workers: self.workers.into(),
            connections: self.connections as usize,
            timeout: self.timeout,
            lateness: self.max_lateness,
            traces: self.output.traces(),
            ..Plan::new(target, pace)
        })
    }
}

fn seconds(text: &str) -> Result<Duration> {
    const DAY: f64 = 86_400.0;
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= DAY => Ok(Duration::from_secs_f64(seconds)),
        _ => bail!("seconds, more than 0 and at most {DAY}"),
    }
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue)> {
    let (name, value) = text
        .split_once(':')
        .context("a header is \"name: value\"")?;
    Ok((name.trim().parse()?, value.trim().parse()?))
}
