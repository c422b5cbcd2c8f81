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
const PAUSE: Duration = Duration::from_millis(200);
/// Spans and records leave the services once a second.
const STEADY: Duration = Duration::from_millis(1_300);

/// What one action must move.
const SERIES: [&str; 4] = [
    "websocket_messages_total",
    "task_operations_total",
    "reminders_fired_total",
    "notifications_sent_total",
];
const SERVICES: [&str; 3] = ["chat-gateway", "event-worker", "todo-api"];

/// A value for each series' name and job.
type Values = BTreeMap<(String, String), f64>;

/// The series before the journey.
pub(super) struct Before {
    values: Values,
    /// When each job had been scraped last, in Unix seconds.
    scraped: Values,
    /// When the journey began.
    now: f64,
}

impl Before {
    pub(super) async fn take(options: &Options, http: &reqwest::Client) -> Self {
        // Prometheus may not have scraped yet: then everything begins at zero.
        Self {
            values: query(options, http, &values()).await.unwrap_or_default(),
            scraped: query(options, http, SCRAPED).await.unwrap_or_default(),
            now: chrono::Utc::now().timestamp_millis() as f64 / 1e3,
        }
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

/// Asks until the answer is as it should be, and stays so for longer than the
/// services batch: whether it was, and the last one.
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
            Ok((true, text)) => {
                let since = match last.take() {
                    Some((since, same)) if same == text => since,
                    _ => Instant::now(),
                };
                if late || since.elapsed() > STEADY {
                    return (true, text);
                }
                last = Some((since, text));
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

const SCRAPED: &str = "min by (job) (timestamp(up{job!=\"\"}))";
const STARTED: &str = "max by (job) (process_start_time_seconds{job!=\"\"})";

fn values() -> String {
    format!(
        "sum by (__name__, job) ({{__name__=~\"{}\"}})",
        SERIES.join("|")
    )
}

async fn query(options: &Options, http: &reqwest::Client, query: &str) -> Result<Values> {
    let base = options.prometheus.as_ref();
    let answer = get(http, base, "/api/v1/query", &[("query", query)]).await?;
    let result = answer["data"]["result"].as_array().context("no result")?;
    let value = |sample: &Value| {
        let label = |name: &str| {
            sample["metric"][name]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let value = sample["value"][1].as_str()?.parse().ok()?;
        Some(((label("__name__"), label("job")), value))
    };
    Ok(result.iter().filter_map(value).collect())
}

/// What moved. Prometheus keeps answering with samples of an earlier run for
/// five minutes, so a value counts only if it was scraped from the process that
/// made the journey: afterwards for "now", since its start for "before".
async fn moved(
    options: &Options,
    http: &reqwest::Client,
    before: &Before,
) -> Result<(bool, String)> {
    let now = query(options, http, &values()).await?;
    let scraped = query(options, http, SCRAPED).await?;
    let started = query(options, http, STARTED).await?;
    let of = |values: &Values, job: &str| {
        let found = values.get(&(String::new(), job.to_owned()));
        found.copied().unwrap_or_default()
    };
    let mut increases: BTreeMap<&str, f64> = BTreeMap::new();
    for (series @ (name, job), value) in &now {
        if of(&scraped, job) < before.now {
            continue;
        }
        let then = before.values.get(series).copied();
        let then = then.filter(|_| of(&before.scraped, job) >= of(&started, job));
        *increases.entry(name).or_default() += value - then.unwrap_or_default();
    }
    increases.retain(|_, increase| *increase > 0.0);
    let list: Vec<_> = increases
        .iter()
        .map(|(name, increase)| format!("{name} +{increase}"))
        .collect();
    let text = format!(
        "{} of {} series moved: {}",
        list.len(),
        SERIES.len(),
        list.join(", ")
    );
    Ok((list.len() == SERIES.len(), text))
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
