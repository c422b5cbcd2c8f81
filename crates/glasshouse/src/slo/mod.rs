//! Service level objectives: data in `alerts/slo.toml`, rules and their tests made of it.

mod rules;
mod series;
mod tests;
mod window;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde::Deserialize;

pub use rules::generate;
pub use tests::generate_tests;
use window::Window;
pub use window::shorten;

/// Where the objectives are, below the project's root.
pub const OBJECTIVES: &str = "alerts/slo.toml";
/// Where the rules made of them are.
pub const RULES: &str = "alerts/rules/slo.yml";
/// Where the tests of those are.
pub const TESTS: &str = "alerts/tests/slo-windows.yml";

/// How long an hour is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// An hour
    #[default]
    Standard,
    /// Two minutes, so that a class sees a budget burn
    Workshop,
}

/// One objective.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// What it is called, on series and alerts.
    pub name: String,
    /// Whose it is.
    pub service: String,
    /// The share of good events that is promised, below 1.
    pub objective: f64,
    /// Over which time.
    window: Window,
    /// What counts as good, for people.
    pub description: String,
    #[serde(flatten)]
    sli: Sli,
}

/// What is counted: selectors of counters.
#[derive(Clone, Debug, Deserialize)]
struct Sli {
    bad: Option<String>,
    good: Option<String>,
    total: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    slo: Vec<Objective>,
}

/// Reads the objectives.
///
/// # Errors
/// When the file does not say what they are.
pub fn load(path: &Path) -> Result<Vec<Objective>> {
    let shown = || path.display().to_string();
    let text = fs::read_to_string(path).with_context(shown)?;
    let File { slo } = toml::from_str(&text).with_context(shown)?;
    for objective in &slo {
        let name = &objective.name;
        let share = objective.objective;
        ensure!(
            share > 0.0 && share < 1.0,
            "{name}: {share} is no objective"
        );
        let Sli { bad, good, .. } = &objective.sli;
        ensure!(
            bad.is_some() != good.is_some(),
            "{name}: either `bad` or `good`"
        );
    }
    Ok(slo)
}
