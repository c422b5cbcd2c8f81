//! `glasshouse load`: where the running system is, for the load generator.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use loadtest::Link;
use loadtest::load::{Found, Load};

use crate::state::{RunState, StateFile};

/// The parts that scenarios know, and where compose publishes them.
const TARGETS: [(&str, &str); 3] = [
    ("todo-api", "http://127.0.0.1:8001"),
    ("chat-gateway", "http://127.0.0.1:8002"),
    ("kafka", "127.0.0.1:19092"),
];

/// What the services say of a run, as queries of Prometheus in a URL.
const PANELS: [(&str, &str); 2] = [
    (
        "requests of the services",
        "sum%20by%20(job%2C%20status)%20(rate(http_requests_total%5B30s%5D))",
    ),
    (
        "their p95",
        "histogram_quantile(0.95%2C%20sum%20by%20(job%2C%20le)%20(rate(http_request_duration_seconds_bucket%5B30s%5D)))",
    ),
];

/// Runs a scenario against the system of this folder, or else against the ports
/// that compose publishes.
///
/// # Errors
/// When the run cannot begin.
pub async fn run(home: Result<PathBuf>, load: Load) -> Result<ExitCode> {
    load.run(async || found(home)).await
}

fn found(home: Result<PathBuf>) -> Found {
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
    let link = |(name, path): (&str, &str)| {
        let address = run.as_ref()?.address("prometheus")?;
        Some(Link {
            name: format!("Prometheus: {name}"),
            url: format!("{address}/graph?g0.tab=0&g0.range_input=15m&g0.expr={path}"),
        })
    };
    let jaeger = run.as_ref().and_then(|run| run.address("jaeger"));
    Found {
        targets: TARGETS.into_iter().filter_map(target).collect(),
        links: PANELS.into_iter().filter_map(link).collect(),
        // The Jaeger of the native mode answers its API and has no pages.
        traces_at: jaeger.map(|address| format!("{address}/api/traces/")),
    }
}
