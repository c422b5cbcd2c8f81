//! Alert ⇄ runbook ⇄ panel ⇄ catalogue: does each lead to the next?

pub(super) mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use url::Url;

use super::ask::Http;
use super::catalogue::Catalogue;
use super::dashboards::model::{self, Dashboard, Panel, Target};
use super::outcome::Outcome;
use super::places::Places;
use rules::{Alert, Rules};

/// Where runbooks and tests are, below the project's root.
pub(super) const RUNBOOKS: &str = "alerts/runbooks";
const TESTS: &str = "alerts/tests";
/// Where Loki's rules are tested, by a real Loki.
const TESTS_OF_LOGS: &str = "crates/glasshouse/tests/watching";

const ANNOTATIONS: [&str; 4] = ["summary", "description", "runbook_url", "dashboard_url"];
const LABELS: [&str; 2] = ["severity", "service"];

/// What an alert leads to.
struct Project {
    rules: Rules,
    dashboards: BTreeMap<String, Dashboard>,
    /// Texts by the alert's name.
    runbooks: BTreeMap<String, String>,
    tests: String,
    tests_of_logs: String,
}

/// Is each alert whole: with a runbook that names it, a panel that shows what it
/// is about, a test, metrics that exist; and is it evaluated?
pub(super) async fn linked(
    project: &Path,
    catalogue: &Catalogue,
    http: &Http,
    places: &Places,
) -> Result<Outcome> {
    let project = Project::load(project)?;
    let loaded = http.get(places.prometheus()?, "/api/v1/rules", &[]).await?;
    let mut loaded = Loaded::read(&loaded);
    // Where Loki cannot be asked, its alerts are not loaded.
    if let Ok(loki) = places.loki() {
        let of_logs = http.get(loki, "/prometheus/api/v1/rules", &[]).await;
        loaded
            .0
            .extend(Loaded::read(&of_logs.unwrap_or_default()).0);
    }
    Ok(project.judge(catalogue, &loaded))
}

impl Project {
    fn load(project: &Path) -> Result<Self> {
        let dashboards = model::load(&project.join(model::FOLDER))?;
        let dashboards = dashboards.into_iter().map(|file| file.dashboard);
        let tests = texts(&project.join(TESTS), "yml")?;
        Ok(Self {
            rules: rules::load(project)?,
            dashboards: dashboards
                .map(|dashboard| (dashboard.uid.clone(), dashboard))
                .collect(),
            runbooks: texts(&project.join(RUNBOOKS), "md")?,
            tests: tests.into_values().collect(),
            tests_of_logs: texts(&project.join(TESTS_OF_LOGS), "rs")?
                .into_values()
                .collect(),
        })
    }

    fn judge(&self, catalogue: &Catalogue, loaded: &Loaded) -> Outcome {
        let mut outcome = Outcome::new("alerts linked");
        let mut names = BTreeSet::new();
        for alert in &self.rules.alerts {
            let mut faults = self.of_alert(alert, catalogue);
            faults.extend(loaded.fault(alert));
            outcome.judge(&alert.name, faults);
            names.insert(alert.name.as_str());
        }
        for runbook in self.runbooks.keys() {
            if runbook != "README" && !names.contains(runbook.as_str()) {
                outcome.fails(format!("{runbook}: a runbook without an alert"));
            }
        }
        outcome
    }

    fn of_alert(&self, alert: &Alert, catalogue: &Catalogue) -> Vec<String> {
        let mut faults = Vec::new();
        for (has, names) in [
            (&alert.annotations, &ANNOTATIONS[..]),
            (&alert.labels, &LABELS[..]),
        ] {
            let missing = names
                .iter()
                .filter(|name| has.get(**name).is_none_or(String::is_empty));
            faults.extend(missing.map(|name| format!("has no {name}")));
        }
        if alert.of_logs && !self.tests_of_logs.contains(&alert.name) {
            faults.push(format!("has no test in {TESTS_OF_LOGS}"));
        } else if !alert.of_logs && !names(&self.tests, &alert.name) {
            faults.push(format!("has no test in {TESTS}"));
        }
        faults.extend(self.runbook(alert).err());
        faults.extend(self.quantity(alert, catalogue).err());
        faults
    }

    /// The runbook is the one of this alert, and leads to the same panel.
    fn runbook(&self, alert: &Alert) -> Result<(), String> {
        let url = annotation(alert, "runbook_url");
        let file = format!("{RUNBOOKS}/{}.md", alert.name);
        if !url.ends_with(&format!("/{file}")) {
            return Err(format!("its runbook_url is {url:?} and not that of {file}"));
        }
        let text = self.runbooks.get(&alert.name);
        let text = text.ok_or_else(|| format!("has no runbook: there is no {file}"))?;
        if !text.starts_with(&format!("# {}\n", alert.name)) {
            return Err(format!("{file} has another title"));
        }
        if !text.contains(annotation(alert, "dashboard_url")) {
            return Err(format!("{file} leads to another panel than the alert"));
        }
        Ok(())
    }

    /// The metrics are there, and the panel shows one of them.
    fn quantity(&self, alert: &Alert, catalogue: &Catalogue) -> Result<(), String> {
        if alert.of_logs {
            let panel = self.panel(annotation(alert, "dashboard_url"))?;
            let mut sources = panel.targets.iter().map(|target| panel.source(target));
            let shows = sources.any(|source| source == "loki");
            return shows
                .then_some(())
                .ok_or_else(|| format!("the panel {:?} shows no logs", panel.title));
        }
        let metrics = self.rules.metrics(&alert.expr)?;
        let unknown = metrics.iter().find(|name| !catalogue.knows(name));
        if let Some(name) = unknown {
            return Err(format!("there is no metric {name}"));
        }
        let panel = self.panel(annotation(alert, "dashboard_url"))?;
        let mut shown = BTreeSet::new();
        let of_logs = |target: &&Target| panel.source(target) == "loki";
        for target in panel.targets.iter().filter(|target| !of_logs(target)) {
            let expr = target.expr.clone().unwrap_or_default();
            // A variable stands where a label's value or a range does.
            let expr = expr.replace("$__rate_interval", "1m");
            shown.extend(self.rules.metrics(&expr)?);
        }
        let families: BTreeSet<_> = shown.iter().map(|name| family(name)).collect();
        let shares = metrics.iter().any(|name| families.contains(family(name)));
        // One that always fires has no metric; it is seen where alerts are.
        if shares || (metrics.is_empty() && families.contains("ALERTS")) {
            return Ok(());
        }
        Err(format!(
            "the panel {:?} shows none of {}",
            panel.title,
            metrics.into_iter().collect::<Vec<_>>().join(", ")
        ))
    }

    fn panel(&self, url: &str) -> Result<&Panel, String> {
        let (uid, id) = link(url).ok_or_else(|| format!("{url:?} leads to no panel"))?;
        let dashboard = self.dashboards.get(&uid);
        let dashboard = dashboard.ok_or_else(|| format!("there is no dashboard {uid}"))?;
        let panel = dashboard.shown().find(|panel| panel.id == id);
        panel.ok_or_else(|| format!("{uid} has no panel {id}"))
    }
}

/// The dashboard and the panel that a link leads to.
pub(super) fn link(url: &str) -> Option<(String, u64)> {
    let url = Url::parse(url).ok()?;
    let mut path = url.path_segments()?;
    if path.next()? != "d" {
        return None;
    }
    let uid = path.next()?.to_owned();
    let panel = url.query_pairs().find(|(name, _)| name == "viewPanel")?;
    let id = panel.1.strip_prefix("panel-")?.parse().ok()?;
    Some((uid, id))
}

/// What Prometheus has loaded.
struct Loaded(BTreeMap<String, Option<String>>);

impl Loaded {
    fn read(answer: &Value) -> Self {
        let groups = answer["data"]["groups"].as_array().into_iter().flatten();
        let rules = groups
            .filter_map(|group| group["rules"].as_array())
            .flatten();
        let mut loaded: BTreeMap<String, Option<String>> = BTreeMap::new();
        for rule in rules.filter(|rule| rule["type"] == "alerting") {
            let name = rule["name"].as_str().unwrap_or_default().to_owned();
            let entry = loaded.entry(name).or_default();
            if rule["health"] == "err" {
                *entry = rule["lastError"].as_str().map(ToOwned::to_owned);
            }
        }
        Self(loaded)
    }

    fn fault(&self, alert: &Alert) -> Option<String> {
        match self.0.get(&alert.name) {
            None if alert.of_logs => Some("Loki has not loaded it".to_owned()),
            None => Some("Prometheus has not loaded it".to_owned()),
            Some(Some(error)) => Some(format!("it cannot be evaluated: {error}")),
            Some(None) => None,
        }
    }
}

/// Whether tests speak of an alert.
fn names(tests: &str, alert: &str) -> bool {
    let named = format!("alertname: {alert}");
    let mut found = tests.split(&named).skip(1);
    found.any(|after| !after.starts_with(|c: char| c.is_alphanumeric()))
}

fn annotation<'a>(alert: &'a Alert, name: &str) -> &'a str {
    alert.annotations.get(name).map_or("", String::as_str)
}

fn family(name: &str) -> &str {
    let parts = ["_bucket", "_sum", "_count"];
    let stripped = parts.into_iter().find_map(|part| name.strip_suffix(part));
    stripped.unwrap_or(name)
}

/// The files of a folder with this ending, by their names without it; none, if
/// there is no such folder.
pub(super) fn texts(folder: &Path, ending: &str) -> Result<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    if !folder.is_dir() {
        return Ok(texts);
    }
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == ending)
        {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            texts.insert(name.into_owned(), fs::read_to_string(&path)?);
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RULE: &str = r"
groups:
- name: a
  rules:
  - alert: Waiting
    expr: waiting > 5
    labels: {severity: warning, service: a}
    annotations:
      summary: s
      description: d
      runbook_url: https://example.com/alerts/runbooks/Waiting.md
      dashboard_url: http://127.0.0.1:3000/d/glasshouse-a?viewPanel=panel-1
";
    const RUNBOOK: &str =
        "# Waiting\n\npanel: <http://127.0.0.1:3000/d/glasshouse-a?viewPanel=panel-1>\n";

    fn sound() -> Project {
        let dashboard = json!({"uid": "glasshouse-a", "title": "A", "panels": [
            {"id": 1, "type": "stat", "title": "Waiting", "targets": [
                {"refId": "A", "expr": "sum(waiting{a=~\"$a\"})"}]}]});
        Project {
            rules: Rules::of(RULE),
            dashboards: [(
                "glasshouse-a".to_owned(),
                serde_json::from_value(dashboard).unwrap(),
            )]
            .into(),
            runbooks: [("Waiting".to_owned(), RUNBOOK.to_owned())].into(),
            tests: "- eval_time: 1m\n  alertname: Waiting\n".to_owned(),
            tests_of_logs: String::new(),
        }
    }

    fn faults(project: &Project) -> Vec<String> {
        let mut catalogue = Catalogue::default();
        catalogue.add_names(["waiting".to_owned()]);
        let loaded = json!({"data": {"groups": [{"rules": [
            {"type": "alerting", "name": "Waiting", "health": "ok"}]}]}});
        project.judge(&catalogue, &Loaded::read(&loaded)).faults
    }

    #[test]
    fn a_whole_alert_has_no_faults() {
        assert_eq!(faults(&sound()), Vec::<String>::new());
    }

    #[test]
    fn each_missing_link_is_named() {
        let mut no_runbook = sound();
        no_runbook.runbooks.clear();
        let mut no_test = sound();
        no_test.tests.clear();
        let mut idle_runbook = sound();
        idle_runbook
            .runbooks
            .insert("Gone".to_owned(), "# Gone\n".to_owned());
        let mut not_loaded = sound();
        not_loaded.rules.alerts[0].name = "Other".to_owned();
        let with = |from: &str, to: &str| {
            let mut project = sound();
            project.rules = Rules::of(&RULE.replace(from, to));
            project
        };
        for (project, fault) in [
            (no_runbook, "there is no alerts/runbooks/Waiting.md"),
            (no_test, "has no test"),
            (idle_runbook, "Gone: a runbook without an alert"),
            (not_loaded, "Prometheus has not loaded it"),
            (with("severity: warning, ", ""), "has no severity"),
            (with("summary: s", "other: s"), "has no summary"),
            (with("Waiting.md", "Sleeping.md"), "its runbook_url is"),
            (
                with("expr: waiting", "expr: wating"),
                "there is no metric wating",
            ),
            (with("panel-1", "panel-2"), "leads to another panel"),
            (with("panel-1", "panel-2"), "glasshouse-a has no panel 2"),
            (
                with("glasshouse-a", "glasshouse-b"),
                "there is no dashboard glasshouse-b",
            ),
        ] {
            let faults = faults(&project);
            assert!(
                faults.iter().any(|said| said.contains(fault)),
                "{fault}: {faults:?}"
            );
        }
        let mut other_panel = sound();
        let panels = &mut other_panel
            .dashboards
            .get_mut("glasshouse-a")
            .unwrap()
            .panels;
        panels[0].targets[0].expr = Some("sum(up)".to_owned());
        let faults = faults(&other_panel);
        assert!(faults[0].contains("shows none of waiting"), "{faults:?}");
    }
}
