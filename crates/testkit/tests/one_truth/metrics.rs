//! Which metrics there are, and who needs them.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde::Deserialize;
use telemetry::metrics::{Kind, Metric};

use crate::alerts::rules;
use crate::files::{read, texts};
use crate::promql::queries;

/// What Prometheus makes by itself.
const OWN_OF_PROMETHEUS: &[&str] = &[
    "up",
    "ALERTS",
    "ALERTS_FOR_STATE",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// The catalogues' metrics, by name, with the names of their series.
fn catalogue() -> BTreeMap<&'static str, Vec<String>> {
    let services = [
        telemetry::metrics::CATALOGUE,
        service::metrics::CATALOGUE,
        events::metrics::CATALOGUE,
        todo_api::metrics::CATALOGUE,
        chat_gateway::metrics::CATALOGUE,
        event_worker::metrics::CATALOGUE,
        glasshouse::probe::metrics::CATALOGUE,
    ];
    let histogram = |metric: &Metric| matches!(metric.kind, Kind::Histogram(_));
    let of_services = services
        .into_iter()
        .flatten()
        .map(|metric| (metric.name, histogram(metric)));
    let of_load = loadtest::metrics::CATALOGUE
        .iter()
        .map(|metric| (metric.name, metric.kind == "histogram"));
    of_services
        .chain(of_load)
        .map(|(name, histogram)| (name, series(name, histogram)))
        .collect()
}

fn series(name: &str, histogram: bool) -> Vec<String> {
    if histogram {
        ["bucket", "sum", "count"]
            .map(|suffix| format!("{name}_{suffix}"))
            .into()
    } else {
        vec![name.to_owned()]
    }
}

/// What the exporters expose: infra/prometheus/exported, a name a line.
fn exported() -> BTreeSet<String> {
    let files = texts("infra/prometheus/exported", "txt");
    let lines = files.iter().flat_map(|(_, text)| text.lines());
    lines
        .filter(|line| !line.starts_with('#'))
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn every_metric_that_is_asked_for_exists() {
    let mut known: BTreeSet<String> = catalogue().into_values().flatten().collect();
    known.extend(OWN_OF_PROMETHEUS.iter().map(|name| (*name).to_owned()));
    known.extend(exported());
    known.extend(rules().into_iter().filter_map(|rule| rule.record));
    let mut asked = 0;
    let mut unknown = Vec::new();
    for query in queries() {
        for name in query.names() {
            asked += 1;
            if !known.contains(&name) {
                unknown.push(format!("{name}, in {}", query.place));
            }
        }
    }
    assert!(asked > 200, "{asked}: are the queries read?");
    assert!(
        unknown.is_empty(),
        "nobody exposes:\n{}",
        unknown.join("\n")
    );
}

/// Documents name metrics in code; what looks like one has to be one.
#[test]
fn every_metric_that_a_document_names_exists() {
    let known = catalogue();
    let mut known: BTreeSet<String> = known
        .iter()
        .flat_map(|(name, series)| series.iter().cloned().chain([(*name).to_owned()]))
        .collect();
    known.extend(exported());
    known.extend(rules().into_iter().filter_map(|rule| rule.record));
    let mut documents: Vec<_> = [
        "README.md",
        "ARCHITECTURE.md",
        "dashboards/README.md",
        "infra/native/README.md",
    ]
    .map(|name| (name.to_owned(), read(name)))
    .into();
    for folder in ["docs", "docs/adr", "alerts/runbooks"] {
        let inside = texts(folder, "md").into_iter();
        documents.extend(inside.map(|(name, text)| (format!("{folder}/{name}.md"), text)));
    }
    let named =
        Regex::new(r"`([a-z][a-z0-9_:]+_(?:total|seconds|bytes|ratio|bucket|info))(?:\{[^`]*)?`")
            .expect("a pattern");
    let mut seen = 0;
    let mut unknown = Vec::new();
    for (document, text) in &documents {
        for found in named.captures_iter(text) {
            seen += 1;
            if !known.contains(&found[1]) {
                unknown.push(format!("{}, in {document}", &found[1]));
            }
        }
    }
    assert!(seen > 50, "{seen}: are the documents read?");
    assert!(
        unknown.is_empty(),
        "nobody exposes:\n{}",
        unknown.join("\n")
    );
}

/// What no rule, dashboard, runbook or objective asks for has its reason in alerts/unused.toml.
#[test]
fn every_metric_serves_something() {
    #[derive(Deserialize)]
    struct Unused {
        metrics: Vec<String>,
        reason: String,
    }
    #[derive(Deserialize)]
    struct File {
        unused: Vec<Unused>,
    }
    let asked: BTreeSet<String> = queries().iter().flat_map(|query| query.names()).collect();
    let File { unused } = toml::from_str(&read("alerts/unused.toml")).expect("reasons");
    let catalogue = catalogue();
    for Unused { metrics, reason } in &unused {
        assert!(
            reason.split_whitespace().count() > 3,
            "{metrics:?}: {reason:?} is no reason"
        );
        for name in metrics {
            assert!(
                catalogue.contains_key(name.as_str()),
                "{name} is in no catalogue"
            );
        }
    }
    let excused: BTreeSet<&str> = unused
        .iter()
        .flat_map(|one| one.metrics.iter().map(String::as_str))
        .collect();
    for (name, series) in &catalogue {
        let used = series.iter().any(|series| asked.contains(series));
        assert!(
            used || excused.contains(name),
            "{name} is asked for nowhere: why is it there?"
        );
        assert!(
            !used || !excused.contains(name),
            "{name} is asked for: take it from alerts/unused.toml"
        );
    }
}
