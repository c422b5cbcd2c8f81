//! Holds a run against the limits that are kept, and against an earlier run of the
//! same machine.

mod baselines;
mod earlier;
mod statistics;

use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::report::Report;

pub use baselines::Baselines;
pub use earlier::against as against_earlier;

/// Of a regression.
const REGRESSION: u8 = 1;
/// Of runs that cannot be compared.
const NOT_COMPARABLE: u8 = 2;
/// How often a difference may be found where there is none.
pub const ERROR_RATE: f64 = 0.01;

/// Hold a run against the baselines, and against an earlier run
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Exit codes: 0 no regression, 1 a regression, 2 the runs cannot be compared."
)]
pub struct Compare {
    /// A run, as --out wrote it
    run: PathBuf,
    /// An earlier run of the same scenario on the same machine
    #[arg(long, value_name = "FILE")]
    with: Option<PathBuf>,
    /// Other limits than those of the program
    #[arg(long, value_name = "FILE")]
    baselines: Option<PathBuf>,
    /// How often a difference may be found where there is none
    #[arg(long, value_name = "SHARE", default_value_t = ERROR_RATE, value_parser = rate)]
    error_rate: f64,
}

impl Compare {
    /// Does what it says.
    ///
    /// # Errors
    /// If nobody takes what it has to say.
    pub fn run(&self) -> Result<ExitCode> {
        match self.findings() {
            Ok(findings) => {
                writeln!(io::stdout().lock(), "{findings}")?;
                let regressed = findings.regressions() > 0;
                Ok(ExitCode::from(if regressed { REGRESSION } else { 0 }))
            }
            Err(error) => {
                writeln!(io::stderr().lock(), "compare: {error:#}")?;
                Ok(ExitCode::from(NOT_COMPARABLE))
            }
        }
    }

    fn findings(&self) -> Result<Findings> {
        let run = read(&self.run)?;
        let baselines = match &self.baselines {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                Baselines::parse(&text).with_context(|| path.display().to_string())?
            }
            None => Baselines::shipped(),
        };
        let mut findings = baselines.against(&run);
        if let Some(path) = &self.with {
            findings
                .0
                .extend(against_earlier(&run, &read(path)?, self.error_rate)?.0);
        }
        Ok(findings)
    }
}

fn read(path: &Path) -> Result<Report> {
    let name = || path.display().to_string();
    let file = File::open(path).with_context(name)?;
    let report: Report = serde_json::from_reader(BufReader::new(file)).with_context(name)?;
    if !report.valid {
        bail!(
            "{}: an invalid run is no result ({})",
            name(),
            report.invalid_because.join("; ")
        );
    }
    Ok(report)
}

fn rate(text: &str) -> Result<f64> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate < 0.5 => Ok(rate),
        _ => bail!("a share above 0 and below 0.5"),
    }
}

/// What was found of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is as it should be.
    Holds,
    /// It is not.
    Regressed,
    /// Nothing can be said.
    Unknown,
}

/// One thing that was looked at.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What.
    pub what: String,
    /// What was found.
    pub outcome: Outcome,
    /// In words and numbers.
    pub detail: String,
}

/// All that was looked at.
#[derive(Debug, Clone)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// How many are not as they should be.
    #[must_use]
    pub fn regressions(&self) -> usize {
        self.0
            .iter()
            .filter(|finding| finding.outcome == Outcome::Regressed)
            .count()
    }
}

impl Display for Findings {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for finding in &self.0 {
            let mark = match finding.outcome {
                Outcome::Holds => '✓',
                Outcome::Regressed => '✗',
                Outcome::Unknown => '–',
            };
            writeln!(f, "  {mark} {:<36} {}", finding.what, finding.detail)?;
        }
        match self.regressions() {
            0 => write!(f, "no regression"),
            1 => write!(f, "1 regression"),
            many => write!(f, "{many} regressions"),
        }
    }
}

#[cfg(test)]
mod tests;
