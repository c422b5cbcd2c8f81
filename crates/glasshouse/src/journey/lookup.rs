//! The action in Prometheus, Jaeger and Loki.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use url::Url;

use super::report::Finding;
use super::{Options, Trace};

/// Telemetry arrives in batches and scrapes: so long we go on asking.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(250);

/// What one action must move.
const SERIES: [&str; 4] = [
    "websocket_messages_total",
    "task_operations_total",
    "reminders_fired_total",
    "notifications_sent_total",
];
const SERVICES: [&str; 3] = ["chat-gateway", "event-worker", "todo-api"];

/// The series before the journey.
pub(super) struct Before(BTreeMap<String, f64>);

impl Before {
    pub(super) async fn take(options: &Options, http: &reqwest::Client) -> Self {
        // Prometheus may not have scraped yet: then everything begins at zero.
        Self(series(options, http).await.unwrap_or_default())
    }
}

/// Asks all three at once.
pub(super) async fn all(
    options: &Options,
    http: &reqwest::Client,
    trace: &Trace,
    before: Before,
) -> Vec<Finding> {
    let (prometheus, jaeger, loki) = tokio::join!(
        until(|| moved(options, http, &before)),
        until(|| spans(options, http, trace)),
        until(|| lines(options, http, trace)),
    );
    let places = [
        ("Prometheus", options.prometheus.is_some(), prometheus),
        ("Jaeger", options.jaeger.is_some(), jaeger),
        ("Loki", options.loki.is_some(), loki),
    ];
    let finding = |(place, runs, (found, text)): (&'static str, bool, (bool, String))| Finding {
        place,
        text: if runs {
            text
        } else {
            "does not run".to_owned()
        },
        found: runs.then_some(found),
    };
    places.into_iter().map(finding).collect()
}

/// Asks until the answer is as it should be, twice the same (telemetry of one
/// action arrives in several batches): whether it was, and the last one.
async fn until<F>(ask: impl Fn() -> F) -> (bool, String)
where
    F: Future<Output = Result<(bool, String)>>,
{
    let deadline = Instant::now() + PATIENCE;
    let mut last = None;
    loop {
        let answer = ask().await;
        let late = Instant::now() >= deadline;
        match answer {
            Ok((true, text)) if late || last.as_ref() == Some(&text) => return (true, text),
            Ok((true, text)) => {
                last = Some(text);
                tokio::time::sleep(PAUSE).await;
            }
            Ok((false, text)) if late => return (false, text),
            Err(error) if late || error.is::<NotThere>() => return (false, format!("{error:#}")),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct NotThere;

impl std::fmt::Display for NotThere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("does not run")
    }
}

impl std::error::Error for NotThere {}

async fn get(
    http: &reqwest::Client,
    base: Option<&Url>,
    path: &str,
    query: &[(&str, &str)],
) -> Result<Value> {
    let mut url = base.ok_or(NotThere)?.join(path)?;
    url.query_pairs_mut().extend_pairs(query);
    let response = http.get(url).send().await?.error_for_status()?;
    Ok(response.json().await?)
}

async fn series(options: &Options, http: &reqwest::Client) -> Result<BTreeMap<String, f64>> {
    let query = format!("sum by (__name__) ({{__name__=~\"{}\"}})", SERIES.join("|"));
    let base = options.prometheus.as_ref();
    let answer = get(http, base, "/api/v1/query", &[("query", &query)]).await?;
    let result = answer["data"]["result"].as_array().context("no result")?;
    let value = |sample: &Value| {
        let name = sample["metric"]["__name__"].as_str()?;
        let value = sample["value"][1].as_str()?.parse().ok()?;
        Some((name.to_owned(), value))
    };
    Ok(result.iter().filter_map(value).collect())
}

async fn moved(
    options: &Options,
    http: &reqwest::Client,
    before: &Before,
) -> Result<(bool, String)> {
    let now = series(options, http).await?;
    let increase = |name: &str| {
        let then = before.0.get(name).copied().unwrap_or_default();
        now.get(name).copied().unwrap_or_default() - then
    };
    let moved: Vec<_> = SERIES.iter().filter(|name| increase(name) > 0.0).collect();
    let list: Vec<_> = moved
        .iter()
        .map(|name| format!("{name} +{}", increase(name)))
        .collect();
    let text = format!(
        "{} of {} series moved: {}",
        moved.len(),
        SERIES.len(),
        list.join(", ")
    );
    Ok((moved.len() == SERIES.len(), text))
}

/// The trace is whole when every parent in it is there but the browser's, and
/// it reaches the push of the notification.
async fn spans(options: &Options, http: &reqwest::Client, trace: &Trace) -> Result<(bool, String)> {
    let path = format!("/api/traces/{}", trace.trace_id);
    let answer = get(http, options.jaeger.as_ref(), &path, &[]).await?;
    let data = &answer["data"][0];
    let spans = data["spans"].as_array().context("no spans yet")?;
    let ids: BTreeSet<_> = spans
        .iter()
        .filter_map(|span| span["spanID"].as_str())
        .collect();
    let missing: BTreeSet<_> = spans
        .iter()
        .filter_map(|span| span["references"].as_array())
        .flatten()
        .filter(|reference| reference["refType"] == "CHILD_OF")
        .filter_map(|reference| reference["spanID"].as_str())
        .filter(|parent| !ids.contains(parent) && *parent != trace.span_id)
        .collect();
    let processes = data["processes"].as_object().context("no processes")?;
    let services: BTreeSet<_> = processes
        .values()
        .filter_map(|process| process["serviceName"].as_str())
        .collect();
    let pushed = spans
        .iter()
        .any(|span| span["operationName"] == "websocket.push");
    let whole = missing.is_empty() && pushed && services.iter().eq(SERVICES.iter());
    let state = if whole { "whole" } else { "not whole" };
    let text = format!(
        "{} spans of {} services, {state}: {path}",
        spans.len(),
        services.len()
    );
    Ok((whole, text))
}

async fn lines(options: &Options, http: &reqwest::Client, trace: &Trace) -> Result<(bool, String)> {
    let query = format!("{{service_name=~\".+\"}} | trace_id=\"{}\"", trace.trace_id);
    let parameters = [
        ("query", query.as_str()),
        ("limit", "1000"),
        ("since", "10m"),
    ];
    let path = "/loki/api/v1/query_range";
    let answer = get(http, options.loki.as_ref(), path, &parameters).await?;
    let streams = answer["data"]["result"].as_array().context("no result")?;
    let services: BTreeSet<_> = streams
        .iter()
        .filter_map(|stream| stream["stream"]["service_name"].as_str())
        .collect();
    let lines: usize = streams
        .iter()
        .filter_map(|stream| stream["values"].as_array())
        .map(Vec::len)
        .sum();
    let text = format!(
        "{lines} log lines of {} services by trace id",
        services.len()
    );
    Ok((services.len() == SERVICES.len(), text))
}
