//! What is wrong with a dashboard, whatever the data.

use std::collections::BTreeSet;
use std::time::Duration;

use super::model::{Dashboard, Panel, Target};
use super::unit;
use super::variables::{self, Scope};
use crate::check::catalogue::Catalogue;
use crate::check::outcome::Outcome;
use crate::check::promql;

/// What queries are held against.
pub(in crate::check) struct Rules<'a> {
    pub catalogue: &'a Catalogue,
    /// The longest scrape interval.
    pub scrape: Duration,
    /// Names of recording rules.
    pub recorded: &'a BTreeSet<String>,
    /// uids of the data sources that are provisioned.
    pub sources: &'a BTreeSet<String>,
}

/// Judges each query, each panel and each variable of a dashboard.
pub(in crate::check) fn judge(
    name: &str,
    dashboard: &Dashboard,
    rules: &Rules<'_>,
    outcome: &mut Outcome,
) {
    let scope = variables::anything(dashboard, rules.scrape.as_secs());
    let mut ids = BTreeSet::new();
    for panel in dashboard.shown() {
        let place = format!("{name} · {}", panel.title);
        let mut faults = of_panel(panel);
        if !ids.insert(panel.id) {
            faults.push(format!("another panel has the id {}, too", panel.id));
        }
        for target in &panel.targets {
            let asked = of_target(panel, target, &scope, rules);
            faults.extend(
                asked
                    .into_iter()
                    .map(|fault| format!("query {}: {fault}", target.ref_id)),
            );
        }
        outcome.judge(&place, faults);
    }
    for fault in of_variables(dashboard) {
        outcome.fails(format!("{name}: {fault}"));
    }
}

fn of_panel(panel: &Panel) -> Vec<String> {
    let mut faults = Vec::new();
    let mut wants = |there: bool, what: &str| {
        if !there {
            faults.push(format!("has no {what}"));
        }
    };
    wants(!panel.title.trim().is_empty(), "title");
    wants(!panel.description.trim().is_empty(), "description");
    wants(!panel.targets.is_empty(), "query");
    faults
}

fn of_target(panel: &Panel, target: &Target, scope: &Scope, rules: &Rules<'_>) -> Vec<String> {
    let source = panel.source(target);
    if !rules.sources.contains(source) {
        return vec![format!(
            "asks the data source {source:?}, which is not provisioned"
        )];
    }
    let text = target.expr.as_deref().unwrap_or(&target.service);
    let query = match variables::fill(text, scope) {
        Ok(query) if query.trim().is_empty() => return vec!["asks nothing".to_owned()],
        Ok(query) => query,
        Err(error) => return vec![error],
    };
    if source != "prometheus" {
        return Vec::new();
    }
    let expr = match promql::parse(&query) {
        Ok(expr) => expr,
        Err(error) => return vec![error],
    };
    let mut faults = promql::faults(&expr, rules.catalogue, rules.scrape);
    let value = unit::quantity(&expr);
    faults.extend(value.and_then(|value| unit::contradiction(panel.unit(target), value)));
    let unknown = promql::names(&expr)
        .into_iter()
        .filter(|name| name.contains(':') && !rules.recorded.contains(name));
    faults.extend(unknown.map(|name| format!("no rule records {name}")));
    faults
}

/// Variables that are used and not there, or there and not used.
fn of_variables(dashboard: &Dashboard) -> Vec<String> {
    let variables = &dashboard.templating.list;
    let mut faults = Vec::new();
    let mut before = BTreeSet::new();
    for variable in variables {
        for name in variables::used(variable.query()) {
            if !before.contains(name.as_str()) {
                faults.push(format!(
                    "the variable {} uses {name}, which is not above it",
                    variable.name
                ));
            }
        }
        before.insert(variable.name.as_str());
    }
    let of_panel = |panel: &Panel| {
        let texts = panel
            .targets
            .iter()
            .map(|target| target.expr.as_deref().unwrap_or(&target.service));
        texts.flat_map(variables::used).collect::<Vec<_>>()
    };
    let mut used: BTreeSet<String> = dashboard.shown().flat_map(of_panel).collect();
    used.extend(
        variables
            .iter()
            .flat_map(|variable| variables::used(variable.query())),
    );
    let idle = variables
        .iter()
        .filter(|variable| !used.contains(&variable.name));
    faults.extend(idle.map(|variable| format!("nothing uses the variable {}", variable.name)));
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn faults(dashboard: Value) -> Vec<String> {
        let mut catalogue = Catalogue::default();
        catalogue.add_metadata(&json!({"data": {
            "asked_total": [{"type": "counter"}], "waiting": [{"type": "gauge"}]}}));
        let rules = Rules {
            catalogue: &catalogue,
            scrape: Duration::from_secs(5),
            recorded: &BTreeSet::from(["job:asked:rate1m".to_owned()]),
            sources: &["prometheus", "loki"].map(ToOwned::to_owned).into(),
        };
        let mut outcome = Outcome::new("queries sound");
        let dashboard = serde_json::from_value(dashboard).unwrap();
        judge("planted", &dashboard, &rules, &mut outcome);
        assert_eq!(outcome.holds(), outcome.faults.is_empty());
        outcome.faults
    }

    fn sound() -> Value {
        json!({
            "uid": "planted", "title": "Planted",
            "templating": {"list": [
                {"name": "job", "type": "query", "query": {"query": "label_values(up, job)"}}]},
            "panels": [{
                "id": 1, "type": "timeseries", "title": "Asked per second", "description": "By job.",
                "datasource": {"uid": "prometheus"},
                "fieldConfig": {"defaults": {"unit": "reqps"}, "overrides": []},
                "targets": [
                    {"refId": "A", "expr": "sum(rate(asked_total{job=~\"$job\"}[$__rate_interval]))"},
                    {"refId": "B", "expr": "job:asked:rate1m"}],
            }],
        })
    }

    #[test]
    fn a_sound_dashboard_has_no_faults() {
        assert_eq!(faults(sound()), Vec::<String>::new());
    }

    #[test]
    fn each_planted_fault_is_named() {
        let query = "/panels/0/targets/0/expr";
        for (pointer, value, fault) in [
            (
                query,
                json!("sum(rate(waiting{job=~\"$job\"}[1m]))"),
                "rate over the gauge waiting",
            ),
            (
                query,
                json!("sum(rate(asked_total{job=~\"$job\"}[10s]))"),
                "under four scrape intervals",
            ),
            (
                query,
                json!("sum(rate(asked_total{job=~\"$service\"}[1m]))"),
                "variable service",
            ),
            (
                query,
                json!("sum(rate(asked_total[1m]))"),
                "nothing uses the variable job",
            ),
            (
                query,
                json!("sum(rate(asked_total{job=~\"$job\"}[1m])"),
                "no PromQL",
            ),
            (query, json!("  "), "asks nothing"),
            (
                "/panels/0/targets/1/expr",
                json!("job:askd:rate1m"),
                "no rule records job:askd:rate1m",
            ),
            (
                "/panels/0/fieldConfig/defaults/unit",
                json!("bytes"),
                "the unit \"bytes\"",
            ),
            (
                "/panels/0/datasource/uid",
                json!("mimir"),
                "not provisioned",
            ),
            ("/panels/0/description", json!(""), "no description"),
            ("/panels/0/targets", json!([]), "no query"),
            (
                "/templating/list/0/query/query",
                json!("label_values(up{a=\"$b\"}, job)"),
                "uses b, which is not above",
            ),
        ] {
            let mut dashboard = sound();
            *dashboard.pointer_mut(pointer).unwrap() = value;
            let faults = faults(dashboard);
            assert!(
                faults.iter().any(|said| said.contains(fault)),
                "{fault}: {faults:?}"
            );
        }
    }
}
