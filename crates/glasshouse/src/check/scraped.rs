//! Whom Prometheus scrapes, and how often.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use promql_parser::util::parse_duration;
use serde::Deserialize;
use tokio::time::sleep;

use super::ask::Http;
use super::outcome::Outcome;
use super::places::Places;

/// Prometheus' configuration, and beside it the targets in compose.
const FOLDER: &str = "infra/prometheus";

/// A target that has just appeared is scraped within an interval.
const SETTLED_WITHIN: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Deserialize)]
struct Config {
    global: Global,
    scrape_configs: Vec<Job>,
}

#[derive(Deserialize)]
struct Global {
    scrape_interval: String,
}

#[derive(Deserialize)]
struct Job {
    job_name: String,
    scrape_interval: Option<String>,
}

fn config(project: &Path) -> Result<Config> {
    let file = project.join(FOLDER).join("prometheus.yml");
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    serde_saphyr::from_str(&text).with_context(|| file.display().to_string())
}

/// The longest interval at which anything is scraped.
pub(super) fn slowest(project: &Path) -> Result<Duration> {
    let config = config(project)?;
    let jobs = config.scrape_configs.into_iter();
    let intervals = jobs.filter_map(|job| job.scrape_interval);
    let mut slowest = Duration::ZERO;
    for interval in intervals.chain([config.global.scrape_interval]) {
        slowest = slowest.max(parse_duration(&interval).map_err(anyhow::Error::msg)?);
    }
    Ok(slowest)
}

/// Is everybody scraped who runs, and does everybody answer? Asked again while
/// the first scrapes are still to come.
pub(super) async fn check(project: &Path, http: &Http, places: &Places) -> Result<Outcome> {
    let began = Instant::now();
    loop {
        let outcome = once(project, http, places).await?;
        if outcome.holds() || began.elapsed() > SETTLED_WITHIN {
            return Ok(outcome);
        }
        sleep(PAUSE).await;
    }
}

async fn once(project: &Path, http: &Http, places: &Places) -> Result<Outcome> {
    let answer = http
        .get(
            places.prometheus()?,
            "/api/v1/targets",
            &[("state", "active")],
        )
        .await?;
    let targets = answer["data"]["activeTargets"].as_array();
    let targets = targets.context("no list of targets")?;
    let mut outcome = Outcome::new("targets up");
    for target in targets {
        let label = |name: &str| target["labels"][name].as_str().unwrap_or_default();
        if target["health"] == "up" {
            outcome.keeps();
        } else {
            let error = target["lastError"].as_str().unwrap_or_default();
            let health = target["health"].as_str().unwrap_or_default();
            let (job, instance) = (label("job"), label("instance"));
            outcome.fails(format!("{job} at {instance} is {health}: {error}"));
        }
    }
    for job in expected(project, places)? {
        if !targets.iter().any(|target| target["labels"]["job"] == *job) {
            outcome.fails(format!("{job}: runs, and is not scraped"));
        }
    }
    Ok(outcome)
}

/// Jobs that must have targets: of what the launcher runs, or what compose has.
fn expected(project: &Path, places: &Places) -> Result<Vec<String>> {
    let runs = |job: &str| match &places.run {
        Some(run) => run
            .component(job)
            .is_some_and(|part| part.state == crate::components::State::Running),
        None => project
            .join(FOLDER)
            .join("targets")
            .join(format!("{job}.json"))
            .is_file(),
    };
    let jobs = config(project)?
        .scrape_configs
        .into_iter()
        .map(|job| job.job_name);
    Ok(jobs.filter(|job| runs(job)).collect())
}
