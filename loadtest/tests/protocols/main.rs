//! Journeys against scripted servers: what is sent is what was meant, and each
//! failure has its name.
#![allow(clippy::unwrap_used, reason = "a test's helper fails with it")]

mod fanout;
mod http;
mod kafka;
mod server;
mod sse;
mod upload;
mod webhook;
mod websocket;

use std::time::Duration;

use loadtest::{Report, Scenario, Settings, Step, Watch, run_scenario};
use tokio_util::sync::CancellationToken;

/// Runs journeys against a server called `it`.
pub(crate) async fn run(address: &str, scenario: &str) -> Report {
    let scenario = parse(scenario);
    run_scenario(
        &scenario,
        &settings(address),
        CancellationToken::new(),
        &mut Watch::quiet(),
    )
    .await
    .unwrap()
}

pub(crate) fn parse(scenario: &str) -> Scenario {
    Scenario::parse(scenario, "test").unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn settings(address: &str) -> Settings {
    Settings {
        targets: [("it".to_owned(), address.to_owned())].into(),
        ..Settings::default()
    }
}

/// A scenario of one journey with these steps, forty times in a second. On a busy
/// machine the generator may be late: not what is tested here.
pub(crate) fn of_steps(steps: &str) -> String {
    format!(
        "name: test\nabout: a test\ntimeout: 1s\nmax_lateness: 1m\njourneys:\n  - name: journey\n    \
         steps:\n{steps}\nphases:\n  - {{ name: all, rate: 40, spacing: even, duration: 1s }}\n"
    )
}

pub(crate) fn row<'a>(report: &'a Report, name: &str) -> &'a Step {
    let found = report.steps.iter().find(|step| step.name == name);
    found.unwrap_or_else(|| panic!("no row {name}: {:?}", report.steps))
}

pub(crate) fn nanoseconds(time: u64) -> Duration {
    Duration::from_nanos(time)
}
