//! Does each signal lead to the next? The links that Grafana is provisioned with
//! are followed, from a journey just made.

pub(super) mod sources;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::alerts::{RUNBOOKS, link};
use super::ask::{Http, Logs, Window, until};
use super::dashboards::model;
use super::outcome::Outcome;
use super::places::Places;
use super::trail::{self, Trail};
use sources::Source;

/// How far back a journey's signals are.
const BACK: f64 = 300.0;
/// How long Watchdog may take from the start of everything to Alertmanager: once
/// it is evaluated, and the others of its group are.
const HEARD: Duration = Duration::from_secs(120);

/// Follows each link.
pub(super) async fn follow(
    project: &Path,
    http: &Http,
    places: &Places,
    trail: &Trail,
) -> Result<Outcome> {
    let sources = sources::load(project)?;
    let mut outcome = Outcome::new("correlations");
    let follow = Follow {
        sources: &sources,
        http,
        places,
        trail,
    };
    outcome.tried("metric → trace", follow.exemplars().await);
    outcome.tried("trace → logs", follow.trace_to_logs().await);
    for (name, tried) in follow.trace_to_metrics().await? {
        outcome.tried(&format!("trace → metrics, {name:?}"), tried);
    }
    outcome.tried("log → trace", follow.log_to_trace().await);
    let alert = until(HEARD, || follow.alert()).await;
    if let Some(alert) = outcome.tried("alert", alert) {
        outcome.tried("alert → dashboard", to_dashboard(project, &alert));
        outcome.tried("alert → runbook", to_runbook(project, &alert));
    }
    Ok(outcome)
}

struct Follow<'a> {
    sources: &'a [Source],
    http: &'a Http,
    places: &'a Places,
    trail: &'a Trail,
}

impl Follow<'_> {
    fn source(&self, kind: &str) -> Result<&Source> {
        let source = self.sources.iter().find(|source| source.kind == kind);
        source.with_context(|| format!("no data source of type {kind} is provisioned"))
    }

    /// That a link goes to a data source of the right type.
    fn leads(&self, link: &Value, kind: &str) -> Result<()> {
        let uid = link["datasourceUid"].as_str().unwrap_or_default();
        let source = self.sources.iter().find(|source| source.uid == uid);
        let source =
            source.with_context(|| format!("leads to {uid:?}, which is not provisioned"))?;
        ensure!(
            source.kind == kind,
            "leads to {uid}, which is of type {}",
            source.kind
        );
        Ok(())
    }

    async fn exemplars(&self) -> Result<()> {
        let links = &self.source("prometheus")?.json_data["exemplarTraceIdDestinations"];
        let link = &links[0];
        ensure!(
            link["name"] == "trace_id",
            "no link for the exemplars' label trace_id"
        );
        self.leads(link, "jaeger")?;
        let ids = trail::exemplars(self.http, self.places).await?;
        let id = ids.last().context("there are no exemplars")?;
        self.http.trace(self.places.jaeger()?, id).await?;
        Ok(())
    }

    async fn trace_to_logs(&self) -> Result<()> {
        let link = &self.source("jaeger")?.json_data["tracesToLogsV2"];
        self.leads(link, "loki")?;
        let query = link["query"].as_str().context("has no query of its own")?;
        let query = query.replace("${__trace.traceId}", &self.trail.trace_id);
        let lines = self.lines(&query).await?;
        ensure!(!lines.is_empty(), "{query} finds no lines");
        Ok(())
    }

    async fn trace_to_metrics(&self) -> Result<Vec<(String, Result<()>)>> {
        let link = &self.source("jaeger")?.json_data["tracesToMetrics"];
        self.leads(link, "prometheus")?;
        let (service, name) = trail::a_span(&self.trail.trace)?;
        let tags = link["tags"].as_array().into_iter().flatten();
        let tags: Vec<_> = tags
            .filter(|tag| tag["key"] == "service.name")
            .filter_map(|tag| Some(format!("{}=\"{service}\"", tag["value"].as_str()?)))
            .collect();
        let mut tried = Vec::new();
        for query in link["queries"].as_array().into_iter().flatten() {
            let text = query["query"].as_str().unwrap_or_default();
            let text = text
                .replace("$__tags", &tags.join(", "))
                .replace("${__span.name}", &name);
            let title = query["name"].as_str().unwrap_or_default().to_owned();
            tried.push((title, self.numbers(&text).await));
        }
        ensure!(!tried.is_empty(), "a trace leads to no metric");
        Ok(tried)
    }

    async fn numbers(&self, query: &str) -> Result<()> {
        let window = Window::last(BACK, 5.0);
        let series = self
            .http
            .range(self.places.prometheus()?, query, window)
            .await?;
        let mut points = series.iter().flat_map(|series| &series.points);
        ensure!(
            points.any(|(_, value)| value.is_finite()),
            "{query} finds no number"
        );
        Ok(())
    }

    async fn log_to_trace(&self) -> Result<()> {
        let links = &self.source("loki")?.json_data["derivedFields"];
        let link = &links[0];
        self.leads(link, "jaeger")?;
        ensure!(
            link["matcherType"] == "label",
            "does not go by a label of the line"
        );
        ensure!(
            link["url"] == "${__value.raw}",
            "does not hand on the label's value"
        );
        let label = link["matcherRegex"].as_str().unwrap_or_default();
        let query = format!(
            "{{service_name=~\".+\"}} | {label}=\"{}\"",
            self.trail.trace_id
        );
        let lines = self.lines(&query).await?;
        let line = lines
            .first()
            .with_context(|| format!("{query} finds no lines"))?;
        let id = line
            .get(label)
            .with_context(|| format!("a line without {label}"))?;
        self.http.trace(self.places.jaeger()?, id).await?;
        Ok(())
    }

    /// The labels of the lines that a query finds.
    async fn lines(&self, query: &str) -> Result<Vec<std::collections::BTreeMap<String, String>>> {
        let window = Window::last(BACK, 5.0);
        match self.http.logs(self.places.loki()?, query, window).await? {
            Logs::Lines(lines) => Ok(lines.into_iter().map(|line| line.labels).collect()),
            Logs::Series(_) => bail!("{query} yields numbers and no lines"),
        }
    }

    /// An alert as Alertmanager has it: Watchdog fires always.
    async fn alert(&self) -> Result<Value> {
        let alertmanager = self.places.alertmanager()?;
        let alerts = self.http.get(alertmanager, "/api/v2/alerts", &[]).await?;
        let alerts = alerts.as_array().context("no list of alerts")?;
        let watchdog = alerts
            .iter()
            .find(|alert| alert["labels"]["alertname"] == "Watchdog");
        watchdog
            .cloned()
            .context("Alertmanager has not heard of Watchdog, which fires always")
    }
}

fn to_dashboard(project: &Path, alert: &Value) -> Result<()> {
    let url = alert["annotations"]["dashboard_url"]
        .as_str()
        .unwrap_or_default();
    let (uid, panel) = link(url).with_context(|| format!("{url:?} leads to no panel"))?;
    let files = model::load(&project.join(model::FOLDER))?;
    let dashboard = files.iter().find(|file| file.dashboard.uid == uid);
    let dashboard = dashboard.with_context(|| format!("there is no dashboard {uid}"))?;
    let mut panels = dashboard.dashboard.shown();
    ensure!(
        panels.any(|shown| shown.id == panel),
        "{uid} has no panel {panel}"
    );
    Ok(())
}

fn to_runbook(project: &Path, alert: &Value) -> Result<()> {
    let url = alert["annotations"]["runbook_url"]
        .as_str()
        .unwrap_or_default();
    let file = url.rsplit('/').next().unwrap_or_default();
    let file = project.join(RUNBOOKS).join(file);
    ensure!(file.is_file(), "there is no {}", file.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_single_in_what_is_read() {
        let text = "datasources:\n- uid: loki\n  type: loki\n  jsonData:\n    derivedFields:\n    - {url: \"$${__value.raw}\"}\n";
        let sources = sources::parse(text).unwrap();
        assert_eq!(
            sources[0].json_data["derivedFields"][0]["url"],
            "${__value.raw}"
        );
    }
}
