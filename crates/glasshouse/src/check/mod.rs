//! `glasshouse check`: whether what is promised of the running system is so. One
//! line a promise, with its count.

mod alerts;
mod ask;
mod catalogue;
mod correlations;
mod dashboards;
mod delivery;
mod load;
mod outcome;
mod places;
mod promql;
mod runbooks;
mod scraped;
mod trail;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::progress::{Progress, Step};
use crate::{output, project};
use ask::Http;
use catalogue::Catalogue;
use load::Running;
pub use outcome::Outcome;
pub use places::Elsewhere;
use places::Places;
use trail::Trail;

/// What to look at, and how.
#[derive(Args, Clone, Debug)]
pub struct Check {
    /// Only these; all, if none is named
    #[arg(value_enum)]
    promises: Vec<Promise>,
    /// Print JSON, for programs; progress goes to standard error
    #[arg(long)]
    json: bool,
    /// Put the standard load on the system for as long as it takes
    #[arg(long)]
    load: bool,
    /// How long panels may take to fill
    #[arg(long, value_name = "SECONDS", default_value_t = 90)]
    within: u64,
    /// Write what the panels were answered, as JSON
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Dashboards other than the project's
    #[arg(long, value_name = "FOLDER")]
    dashboards: Option<PathBuf>,
    #[command(flatten)]
    elsewhere: Elsewhere,
}

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Promise {
    /// Prometheus reaches everybody that it should scrape
    Targets,
    /// Each alert has its runbook, panel, test and metrics, and is evaluated
    Alerts,
    /// The runbooks' queries run
    Runbooks,
    /// One action is seen whole in Jaeger, Loki and Prometheus
    Journey,
    /// Each signal leads to the next, as Grafana is provisioned
    Correlations,
    /// A test alert reaches the room #ops and the mail catcher
    Delivery,
    /// Each panel's queries can be right, and it shows data
    Dashboards,
}

/// Looks at the system that runs here, and says what of it is as promised: exit
/// code 0 if all is, else 1.
///
/// # Errors
/// When it cannot even begin.
pub async fn run(home: Option<PathBuf>, check: Check) -> Result<ExitCode> {
    let began = Instant::now();
    let progress = if check.json {
        Progress::aside()
    } else {
        Progress::new()
    };
    let places = Places::find(home.clone(), check.elsewhere.clone())?;
    let (project, http) = (project::root()?, Http::new()?);
    let mut catalogue = Catalogue::of_services(&project)?;
    catalogue.add_exported(&project)?;
    catalogue.add_names(alerts::rules::load(&project)?.recorded());
    let mut looking = Looking {
        catalogue: known(catalogue, &http, &places).await,
        project,
        http,
        places,
        check,
        trail: None,
        progress,
        outcomes: Vec::new(),
    };
    let load = looking
        .check
        .load
        .then(|| Running::start(home))
        .transpose()?;
    looking.look().await;
    if let Some(load) = load {
        load.stop().await;
    }
    Ok(looking.report(began.elapsed()))
}

struct Looking {
    project: PathBuf,
    http: Http,
    places: Places,
    check: Check,
    catalogue: Catalogue,
    /// A journey's, to follow further.
    trail: Option<Trail>,
    progress: Progress,
    outcomes: Vec<Outcome>,
}

impl Looking {
    async fn look(&mut self) {
        let all = <Promise as ValueEnum>::value_variants();
        let asked: BTreeSet<Promise> = match self.check.promises.as_slice() {
            [] => all.iter().copied().collect(),
            some => some.iter().copied().collect(),
        };
        for promise in asked {
            self.one(promise).await;
        }
    }

    async fn one(&mut self, promise: Promise) {
        let (http, places) = (self.http.clone(), self.places.clone());
        let project = self.project.clone();
        let project = project.as_path();
        match promise {
            Promise::Targets => {
                let step = self.progress.step("targets up");
                self.end(
                    "targets up",
                    step,
                    scraped::check(project, &http, &places).await,
                );
            }
            Promise::Alerts => {
                let step = self.progress.step("alerts linked");
                let linked = alerts::linked(project, &self.catalogue, &http, &places).await;
                self.end("alerts linked", step, linked);
            }
            Promise::Runbooks => {
                let step = self.progress.step("runbook queries");
                let run = runbooks::run(project, &self.catalogue, &http, &places).await;
                self.end("runbook queries", step, run);
            }
            Promise::Journey => self.journey(&http, &places).await,
            Promise::Correlations => {
                // What is followed is a journey's.
                if self.trail.is_none() {
                    self.journey(&http, &places).await;
                }
                let step = self.progress.step("correlations");
                let followed = match &self.trail {
                    Some(trail) => correlations::follow(project, &http, &places, trail).await,
                    None => Err(anyhow::anyhow!("no journey to follow")),
                };
                self.end("correlations", step, followed);
            }
            Promise::Delivery => {
                let step = self.progress.step("alert delivered");
                let delivered = delivery::check(&http, &places, &step).await;
                self.end("alert delivered", step, delivered);
            }
            Promise::Dashboards => self.dashboards(project, &http, &places).await,
        }
    }

    async fn journey(&mut self, http: &Http, places: &Places) {
        let step = self.progress.step("journey seen");
        let followed = trail::follow(http, places, &step).await;
        let followed = followed.map(|(outcome, trail)| {
            self.trail = trail;
            outcome
        });
        self.end("journey seen", step, followed);
    }

    async fn dashboards(&mut self, project: &Path, http: &Http, places: &Places) {
        let folder = self.check.dashboards.clone();
        let folder = folder.unwrap_or_else(|| project.join(dashboards::model::FOLDER));
        let step = self.progress.step("panels sound");
        self.end(
            "panels sound",
            step,
            dashboards::sound(project, &folder, &self.catalogue),
        );
        let step = self.progress.step("panels with data");
        let within = Duration::from_secs(self.check.within);
        let filled = match scraped::slowest(project) {
            Ok(scrape) => dashboards::filled(&folder, scrape, http, places, within, &step).await,
            Err(error) => Err(error),
        };
        let results = self.check.results.clone();
        let filled = filled.and_then(|(mut outcome, results_seen)| {
            if let Some(file) = results {
                results_seen.write(&file)?;
            }
            if !outcome.holds() && !self.check.load {
                outcome.note = Some("--load puts the standard load on it".to_owned());
            }
            Ok(outcome)
        });
        self.end("panels with data", step, filled);
    }

    /// Says what came of a promise.
    fn end(&mut self, promise: &'static str, step: Step, outcome: Result<Outcome>) {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => Outcome::unseen(promise, format!("{error:#}")),
        };
        if outcome.holds() {
            step.done(&outcome.count());
        } else {
            step.failed(&outcome.count());
            for fault in &outcome.faults {
                self.progress.say(&format!("      · {fault}"));
            }
        }
        self.outcomes.push(outcome);
    }

    fn report(&self, took: Duration) -> ExitCode {
        let held = self
            .outcomes
            .iter()
            .filter(|outcome| outcome.holds())
            .count();
        let holds = held == self.outcomes.len();
        if self.check.json {
            let report = json!({
                "holds": holds,
                "seconds": took.as_secs_f64(),
                "promises": self.outcomes,
            });
            output::line(&report.to_string());
        } else {
            output::line(&format!(
                "{held} of {} promises are kept ({:.0} s)",
                self.outcomes.len(),
                took.as_secs_f64()
            ));
        }
        if holds {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// The services' catalogues with what Prometheus has heard of, where it runs:
/// each promise says itself that it does not.
async fn known(mut catalogue: Catalogue, http: &Http, places: &Places) -> Catalogue {
    // Prometheus makes this one itself, while something fires.
    catalogue.add_names(["ALERTS".to_owned()]);
    let Ok(prometheus) = places.prometheus() else {
        return catalogue;
    };
    if let Ok(metadata) = http.get(prometheus, "/api/v1/metadata", &[]).await {
        catalogue.add_metadata(&metadata);
    }
    let path = "/api/v1/label/__name__/values";
    if let Ok(names) = http.get(prometheus, path, &[]).await {
        let names = names["data"].as_array().into_iter().flatten();
        catalogue.add_names(names.filter_map(|name| name.as_str().map(ToOwned::to_owned)));
    }
    catalogue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_own_dashboards_are_sound() {
        let project = project::root().unwrap();
        let catalogue = Catalogue::of_services(&project).unwrap();
        let folder = project.join(dashboards::model::FOLDER);
        let outcome = dashboards::sound(&project, &folder, &catalogue).unwrap();
        assert!(outcome.holds(), "{}", outcome.faults.join("\n"));
        assert!(outcome.of > 80, "{}", outcome.of);
    }
}
