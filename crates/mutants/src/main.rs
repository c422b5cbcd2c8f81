//! The proof that the alerts' tests would notice: every rule of alerts/rules is
//! changed one place at a time, and `promtool test rules` has to fail for each
//! such mutant. `make test-mutants`.
//!
//! [`rules`] reads the rules, [`change`] makes the mutants of one on its syntax
//! tree, [`suite`] chooses the tests that ask about a rule, [`judge`] runs them,
//! and [`survivors`] holds what survives against the list with reasons.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command's output"
)]

mod change;
mod judge;
mod report;
mod rules;
mod suite;
mod survivors;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Parser;

use judge::Judge;
use report::Report;
use rules::Mutant;
use suite::Suite;

/// Changes each alert rule in one place after another; exit code 1 if its tests notice too few.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// The folder of rules/, tests/ and mutants.toml
    #[arg(default_value = "alerts")]
    alerts: PathBuf,
    /// Only rules whose name, as in `kafka/HighConsumerLag`, contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Print every mutant and what became of it
    #[arg(long)]
    verbose: bool,
    /// Mutants that are tested at the same time [default: one for each processor]
    #[arg(long)]
    at_once: Option<usize>,
}

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("mutants: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Cli {
    fn run(&self) -> Result<bool> {
        let began = Instant::now();
        let alerts = std::path::absolute(&self.alerts)?;
        let excused = survivors::load(&alerts.join("mutants.toml"))?;
        let mut report = Report::new(self.only.is_empty(), self.verbose);
        for file in rules::load(&alerts.join("rules"))? {
            let suite = Suite::load(&alerts, &file.name)?;
            let judge = Judge::new(&suite, self.at_once)?;

            // First that nothing but the change makes a difference: each rule, parsed and printed.
            let printed: Vec<Mutant> = file
                .printed()?
                .into_iter()
                .filter(|rule| rule.of.contains(&self.only))
                .collect();
            judge.check(&printed)?;
            for (rule, noticed) in printed.iter().zip(judge.noticed(&printed)?) {
                ensure!(
                    !noticed,
                    "{}: its tests fail, or fail once it has been parsed and printed:\n{}",
                    rule.of,
                    judge.output(rule)?
                );
            }

            let mutants: Vec<Mutant> = file
                .mutants()?
                .into_iter()
                .filter(|mutant| mutant.of.contains(&self.only))
                .collect();
            judge.check(&mutants)?;
            let noticed = judge.noticed(&mutants)?;
            report.file(&file.name, &mutants, &noticed, &excused);
        }
        Ok(report.conclude(&excused, began.elapsed()))
    }
}
