//! Do the dashboards show something, and is it what they say?

mod lint;
pub(super) mod model;
mod panels;
mod results;
mod unit;
mod variables;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use super::alerts::rules;
use super::ask::Http;
use super::catalogue::Catalogue;
use super::correlations::sources;
use super::outcome::Outcome;
use super::places::Places;
use super::scraped;
use crate::progress::Step;
use model::File;
pub(super) use results::Results;

/// Between two looks at panels that were empty.
const PAUSE: Duration = Duration::from_secs(2);

/// Is each query one that can be right?
pub(super) fn sound(project: &Path, folder: &Path, catalogue: &Catalogue) -> Result<Outcome> {
    let mut outcome = Outcome::new("panels sound");
    let scrape = scraped::slowest(project)?;
    let recorded = rules::load(project)?.recorded();
    let sources = sources::load(project)?;
    let uids_of_sources = sources.iter().map(|source| source.uid.clone()).collect();
    let rules = lint::Rules {
        catalogue,
        scrape,
        recorded: &recorded,
        sources: &uids_of_sources,
    };
    let files = model::load(folder)?;
    // What Grafana makes $__rate_interval of.
    let prometheus = sources.iter().find(|source| source.kind == "prometheus");
    let interval = prometheus.map(|source| &source.json_data["timeInterval"]);
    if interval.is_none_or(|interval| *interval != format!("{}s", scrape.as_secs())) {
        outcome.fails(format!(
            "the data source Prometheus has not the timeInterval {scrape:?}"
        ));
    }
    let mut uids = BTreeSet::new();
    for File { name, dashboard } in &files {
        lint::judge(name, dashboard, &rules, &mut outcome);
        if !uids.insert(dashboard.uid.as_str()) {
            outcome.fails(format!(
                "{name}: another dashboard has the uid {}",
                dashboard.uid
            ));
        }
        if dashboard.uid != format!("glasshouse-{name}") {
            outcome.fails(format!("{name}: its uid is {}", dashboard.uid));
        }
        if dashboard.title.is_empty() || dashboard.description.is_empty() {
            outcome.fails(format!("{name}: no title, or no question that it answers"));
        }
    }
    Ok(outcome)
}

/// Does each panel show something? Asked until all do, at most so long.
pub(super) async fn filled(
    folder: &Path,
    scrape: Duration,
    http: &Http,
    places: &Places,
    within: Duration,
    step: &Step,
) -> Result<(Outcome, Results)> {
    let began = Instant::now();
    let files = model::load(folder)?;
    let prometheus = places.prometheus()?;
    loop {
        let mut results = Results::begin();
        let mut left = 0;
        let mut outcome = Outcome::new("panels with data");
        let mut queries = 0;
        for File { name, dashboard } in &files {
            let (scope, variables) =
                variables::resolve(dashboard, scrape.as_secs(), http, prometheus).await;
            let filled = panels::fill(dashboard, &scope, http, places).await;
            left += filled.iter().filter(|panel| !panel.is_final()).count();
            for (variable, values) in variables {
                if let Err(error) = values {
                    left += 1;
                    outcome.fails(format!("{name}: the variable {variable}: {error:#}"));
                }
            }
            for panel in &filled {
                queries += panel.answers.len();
                let place = format!("{name} · {}", panel.panel.title);
                outcome.judge(&place, panel.faults());
            }
            results.add(dashboard, &filled);
        }
        outcome.note = Some(format!("{queries} queries"));
        if left == 0 || began.elapsed() >= within {
            let seconds = began.elapsed().as_secs_f64();
            if outcome.holds() && seconds > 5.0 {
                outcome.note = Some(format!("{queries} queries, after {seconds:.0} s"));
            }
            return Ok((outcome, results));
        }
        step.note(&outcome.count());
        sleep(PAUSE).await;
    }
}
