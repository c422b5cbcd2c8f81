//! `glasshouse load`: where the running system is, for the load generator.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use loadtest::load::Load;

use crate::state::{RunState, StateFile};

/// The parts that scenarios know, and where compose publishes them.
const TARGETS: [(&str, &str); 3] = [
    ("todo-api", "http://127.0.0.1:8001"),
    ("chat-gateway", "http://127.0.0.1:8002"),
    ("kafka", "127.0.0.1:19092"),
];

/// Runs a scenario against the system of this folder, or else against the ports
/// that compose publishes.
///
/// # Errors
/// When the run cannot begin.
pub async fn run(home: Result<PathBuf>, load: Load) -> Result<ExitCode> {
    load.run(async || targets(home)).await
}

fn targets(home: Result<PathBuf>) -> BTreeMap<String, String> {
    let run = home
        .ok()
        .and_then(|home| StateFile::in_folder(&home).load());
    let run = run.filter(RunState::is_alive);
    let target = |(name, published): (&str, &str)| {
        let address = match &run {
            // A part of this run that is not there is not looked for elsewhere.
            Some(run) => run.address(name)?.to_owned(),
            None => published.to_owned(),
        };
        Some((name.to_owned(), address))
    };
    TARGETS.into_iter().filter_map(target).collect()
}
