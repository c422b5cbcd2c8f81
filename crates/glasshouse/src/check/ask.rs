//! Asking Prometheus, Loki, Jaeger and Alertmanager.

#![expect(
    clippy::disallowed_methods,
    reason = "the checker asks from outside: there is no trace to continue"
)]

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use reqwest::{Client, RequestBuilder};
use serde::Serialize;
use serde_json::Value;
use tokio::time::sleep;
use url::Url;

const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(500);

/// Looks again until what is looked for is there.
///
/// # Errors
/// The last look's, once `within` is over.
pub(super) async fn until<F, T>(within: Duration, look: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let began = Instant::now();
    loop {
        match look().await {
            Err(error) if began.elapsed() > within => {
                let seconds = within.as_secs();
                return Err(error).with_context(|| format!("not in {seconds} s"));
            }
            Err(_) => sleep(PAUSE).await,
            found => return found,
        }
    }
}

/// One client for all of them.
#[derive(Clone, Debug)]
pub(super) struct Http(Client);

/// The question itself is wrong: asking it again helps nothing.
#[derive(Debug)]
pub(super) struct Refused(String);

impl Refused {
    /// A question that nobody can answer.
    pub(super) fn new(why: String) -> Self {
        Self(why)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// A line of a graph.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Series {
    pub labels: BTreeMap<String, String>,
    /// Unix seconds, and the value.
    pub points: Vec<(f64, f64)>,
}

/// A line of a log, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Line {
    /// Unix seconds.
    pub time: f64,
    pub labels: BTreeMap<String, String>,
    pub text: String,
}

/// What was asked of Loki.
#[derive(Clone, Debug)]
pub(super) enum Logs {
    Lines(Vec<Line>),
    Series(Vec<Series>),
}

/// A stretch of time to ask about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Unix seconds.
    pub from: f64,
    pub to: f64,
    /// Seconds between points.
    pub step: f64,
}

impl Window {
    /// The last so many seconds.
    pub(super) fn last(seconds: f64, step: f64) -> Self {
        let to = chrono::Utc::now().timestamp_millis() as f64 / 1e3;
        Self {
            from: to - seconds,
            to,
            step,
        }
    }
}

impl Http {
    pub(super) fn new() -> Result<Self> {
        let client = Client::builder().no_proxy().timeout(PATIENCE);
        Ok(Self(client.build()?))
    }

    /// The JSON at a path of one of them.
    pub(super) async fn get(
        &self,
        base: &Url,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Value> {
        self.send(self.0.get(address(base, path, query)?)).await
    }

    /// The same with a bearer token.
    pub(super) async fn get_as(&self, token: &str, base: &Url, path: &str) -> Result<Value> {
        let request = self.0.get(address(base, path, &[])?);
        self.send(request.bearer_auth(token)).await
    }

    /// Sends JSON; the answer's body says nothing.
    pub(super) async fn post(&self, base: &Url, path: &str, body: &Value) -> Result<()> {
        let request = self.0.post(address(base, path, &[])?).json(body);
        self.text(request).await.map(drop)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value> {
        let text = self.text(request).await?;
        serde_json::from_str(&text).context("the answer is no JSON")
    }

    async fn text(&self, request: RequestBuilder) -> Result<String> {
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if status.is_success() {
            return Ok(text);
        }
        let why = serde_json::from_str::<Value>(&text).unwrap_or_default();
        let why = why["error"].as_str().unwrap_or(text.trim());
        let why = format!("answered {status}: {why}");
        if matches!(status.as_u16(), 400 | 422) {
            return Err(Refused(why).into());
        }
        anyhow::bail!(why)
    }

    /// The answer of Prometheus now.
    pub(super) async fn instant(&self, prometheus: &Url, query: &str) -> Result<Vec<Series>> {
        let query = [("query", query)];
        series(&self.get(prometheus, "/api/v1/query", &query).await?)
    }

    /// The answer of Prometheus over a stretch of time.
    pub(super) async fn range(
        &self,
        prometheus: &Url,
        query: &str,
        window: Window,
    ) -> Result<Vec<Series>> {
        let (from, to) = (window.from.to_string(), window.to.to_string());
        let step = window.step.to_string();
        let query: [(&str, &str); 4] = [
            ("query", query),
            ("start", &from),
            ("end", &to),
            ("step", &step),
        ];
        series(&self.get(prometheus, "/api/v1/query_range", &query).await?)
    }

    /// The answer of Loki over a stretch of time.
    pub(super) async fn logs(&self, loki: &Url, query: &str, window: Window) -> Result<Logs> {
        let nanoseconds = |seconds: f64| format!("{:.0}", seconds * 1e9);
        let (from, to) = (nanoseconds(window.from), nanoseconds(window.to));
        let step = window.step.to_string();
        let query: [(&str, &str); 5] = [
            ("query", query),
            ("start", &from),
            ("end", &to),
            ("step", &step),
            ("limit", "200"),
        ];
        let path = "/loki/api/v1/query_range";
        let answer = self.get(loki, path, &query).await?;
        if answer["data"]["resultType"] == "streams" {
            Ok(Logs::Lines(lines(&answer)?))
        } else {
            Ok(Logs::Series(series(&answer)?))
        }
    }

    /// A trace as Jaeger shows it.
    pub(super) async fn trace(&self, jaeger: &Url, id: &str) -> Result<Value> {
        let answer = self.get(jaeger, &format!("/api/traces/{id}"), &[]).await?;
        let trace = &answer["data"][0];
        trace["spans"].as_array().context("a trace without spans")?;
        Ok(trace.clone())
    }

    /// The newest traces of a service.
    pub(super) async fn traces(&self, jaeger: &Url, service: &str, limit: u64) -> Result<Value> {
        let limit = limit.to_string();
        let query = [
            ("service", service),
            ("limit", limit.as_str()),
            ("lookback", "1h"),
        ];
        let answer = self.get(jaeger, "/api/traces", &query).await?;
        Ok(answer["data"].clone())
    }
}

fn address(base: &Url, path: &str, query: &[(&str, &str)]) -> Result<Url> {
    let mut url = base.join(path)?;
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

fn labels(value: &Value) -> BTreeMap<String, String> {
    let labels = value.as_object().into_iter().flatten();
    let text = |(name, value): (&String, &Value)| {
        let value = value.as_str().unwrap_or_default().to_owned();
        (name.clone(), value)
    };
    labels.map(text).collect()
}

/// Series of an answer, whether vector, matrix or scalar. Prometheus and Loki
/// write them alike.
fn series(answer: &Value) -> Result<Vec<Series>> {
    let data = &answer["data"];
    let point = |pair: &Value| {
        let value = pair[1].as_str()?.parse().ok()?;
        Some((pair[0].as_f64()?, value))
    };
    if data["resultType"] == "scalar" {
        return Ok(vec![Series {
            labels: BTreeMap::new(),
            points: point(&data["result"]).into_iter().collect(),
        }]);
    }
    let result = data["result"].as_array().context("no result")?;
    let one = |found: &Value| {
        let many = found["values"].as_array().into_iter().flatten();
        Series {
            labels: labels(&found["metric"]),
            points: many.chain(found.get("value")).filter_map(point).collect(),
        }
    };
    Ok(result.iter().map(one).collect())
}

fn lines(answer: &Value) -> Result<Vec<Line>> {
    let streams = answer["data"]["result"].as_array().context("no result")?;
    let mut lines: Vec<Line> = Vec::new();
    for stream in streams {
        let labels = labels(&stream["stream"]);
        for pair in stream["values"].as_array().into_iter().flatten() {
            let time: f64 = pair[0].as_str().unwrap_or_default().parse().unwrap_or(0.0);
            lines.push(Line {
                time: time / 1e9,
                labels: labels.clone(),
                text: pair[1].as_str().unwrap_or_default().to_owned(),
            });
        }
    }
    lines.sort_by(|a, b| b.time.total_cmp(&a.time));
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_read_in_each_of_their_forms() {
        let vector = json!({"data": {"resultType": "vector", "result": [
            {"metric": {"job": "kafka"}, "value": [1.5, "NaN"]}]}});
        let read = series(&vector).unwrap();
        assert_eq!(read[0].labels["job"], "kafka");
        assert!(read[0].points[0].1.is_nan());
        let matrix = json!({"data": {"resultType": "matrix", "result": [
            {"metric": {}, "values": [[1, "2"], [6, "+Inf"]]}]}});
        assert_eq!(
            series(&matrix).unwrap()[0].points,
            [(1.0, 2.0), (6.0, f64::INFINITY)]
        );
        let scalar = json!({"data": {"resultType": "scalar", "result": [3, "4"]}});
        assert_eq!(series(&scalar).unwrap()[0].points, [(3.0, 4.0)]);
        let streams = json!({"data": {"resultType": "streams", "result": [
            {"stream": {"level": "INFO"}, "values": [["1000000000", "old"], ["2000000000", "new"]]}]}});
        assert_eq!(lines(&streams).unwrap()[0].text, "new");
    }
}
