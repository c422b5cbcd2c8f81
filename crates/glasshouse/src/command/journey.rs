//! `glasshouse journey`, and the journey at the end of `up`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use url::Url;
use uuid::Uuid;

use crate::backing::random_secret;
use crate::journey::{self, Options, Report};
use crate::output;
use crate::state::RunState;

/// The account that demo mode creates, with its published password.
const DEMO: (&str, &str) = ("demo@glasshouse.example", "glasshouse-demo");

/// Where a run's parts are, for the demo account.
///
/// # Errors
/// When the run has no gateway.
pub fn options(run: &RunState) -> Result<Options> {
    let find = |name| {
        run.address(name)
            .and_then(|address| Url::parse(address).ok())
    };
    Ok(Options {
        gateway: find("chat-gateway").context("chat-gateway is not running")?,
        kafka: run.address("kafka").map(ToOwned::to_owned),
        topic_prefix: String::new(),
        prometheus: find("prometheus"),
        jaeger: find("jaeger"),
        loki: find("loki"),
        user: DEMO.0.to_owned(),
        password: DEMO.1.to_owned(),
    })
}

/// A system that the launcher did not start, and a new account to open there.
pub fn elsewhere(gateway: Url, kafka: Option<String>) -> Options {
    Options {
        gateway,
        kafka,
        topic_prefix: String::new(),
        prometheus: None,
        jaeger: None,
        loki: None,
        user: format!("journey-{}@glasshouse.example", Uuid::new_v4().simple()),
        password: random_secret(),
    }
}

/// Makes the journey through a run.
///
/// # Errors
/// When it could not begin.
pub async fn make(run: &RunState) -> Result<Report> {
    journey::run(&options(run)?).await
}

/// Prints what was seen, or why there was no journey; a hop that failed is a
/// failure.
pub fn report(made: Result<Report>) -> ExitCode {
    match made {
        Ok(report) => {
            output::line(&report.to_string());
            if report.succeeded() {
                return ExitCode::SUCCESS;
            }
        }
        Err(error) => output::aside(&format!("journey: {error:#}")),
    }
    ExitCode::FAILURE
}
