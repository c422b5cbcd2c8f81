//! The mutants that may survive, each with the reason.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// A change that no test has to notice.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Survivor {
    /// The rules that are meant, as group and name.
    pub rules: Vec<String>,
    /// The change, as it is printed.
    pub change: String,
    /// Why it makes no difference that a test could see.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    survivor: Vec<Survivor>,
}

/// Reads the list.
pub fn load(path: &Path) -> Result<Vec<Survivor>> {
    let shown = || path.display().to_string();
    let text = fs::read_to_string(path).with_context(shown)?;
    let File { survivor } = toml::from_str(&text).with_context(shown)?;
    for one in &survivor {
        ensure!(
            one.reason.split_whitespace().count() > 3,
            "{}: {:?} is no reason",
            one.change,
            one.reason
        );
    }
    Ok(survivor)
}

impl Survivor {
    /// Whether this is about that change.
    pub fn excuses(&self, rule: &str, change: &str) -> bool {
        self.change == change && self.rules.iter().any(|it| it == rule)
    }
}
