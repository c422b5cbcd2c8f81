//! Why a scenario is none, and where in it.

use serde_saphyr::Location;

/// A scenario that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}:{line}:{column}: {why}")]
pub struct ScenarioError {
    /// The file, or the name of the scenario.
    pub origin: String,
    /// From one.
    pub line: u64,
    /// From one.
    pub column: u64,
    /// What is wrong there.
    pub why: String,
}

impl ScenarioError {
    pub(super) fn of(error: &serde_saphyr::Error, origin: &str) -> Self {
        let at = error.location().unwrap_or(Location::UNKNOWN);
        Self::at(at, error.render(), origin)
    }

    pub(super) fn at(at: Location, why: impl Into<String>, origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            line: at.line(),
            column: at.column(),
            why: why.into(),
        }
    }
}
