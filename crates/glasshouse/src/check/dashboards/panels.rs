//! What the panels show: each query sent to whom it asks.

use serde::Serialize;
use serde_json::Value;

use super::model::{Dashboard, Panel, Target};
use super::variables::{self, Scope};
use crate::check::ask::{Http, Line, Logs, Refused, Series, Window};
use crate::check::places::Places;

/// How much a panel shows.
const SHOWN: f64 = 900.0;
/// How old what it shows may be: an earlier run's is no proof of this one.
const FRESH: f64 = 120.0;

/// What came of a query.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::check) enum Answer {
    Series(Vec<Series>),
    Lines(Vec<Line>),
    Traces(Vec<Trace>),
}

/// A trace in a list.
#[derive(Clone, Debug, Serialize)]
pub(in crate::check) struct Trace {
    id: String,
    name: String,
    /// Unix seconds.
    start: f64,
    milliseconds: f64,
    spans: usize,
}

/// Why there is nothing to show.
#[derive(Clone, Debug)]
pub(in crate::check) struct Missing {
    pub why: String,
    /// Asking again helps nothing.
    pub for_good: bool,
}

/// A panel with the answers to its queries.
pub(in crate::check) struct Filled<'a> {
    pub panel: &'a Panel,
    pub answers: Vec<(&'a Target, Result<Answer, Missing>)>,
}

impl Filled<'_> {
    /// Whether all of it has data, or never will.
    pub(in crate::check) fn is_final(&self) -> bool {
        let settled = |answer: &Result<Answer, Missing>| match answer {
            Ok(_) => true,
            Err(missing) => missing.for_good,
        };
        self.answers.iter().all(|(_, answer)| settled(answer))
    }

    /// Which of its queries have none, and why.
    pub(in crate::check) fn faults(&self) -> Vec<String> {
        let missing = self.answers.iter().filter_map(|(target, answer)| {
            let missing = answer.as_ref().err()?;
            Some(format!("query {}: {}", target.ref_id, missing.why))
        });
        missing.collect()
    }
}

/// Asks everything that the panels of a dashboard ask.
pub(in crate::check) async fn fill<'a>(
    dashboard: &'a Dashboard,
    scope: &Scope,
    http: &Http,
    places: &Places,
) -> Vec<Filled<'a>> {
    let mut filled = Vec::new();
    for panel in dashboard.shown() {
        filled.push(one(panel, scope, http, places).await);
    }
    filled
}

/// Asks what one panel asks.
pub(in crate::check) async fn one<'a>(
    panel: &'a Panel,
    scope: &Scope,
    http: &Http,
    places: &Places,
) -> Filled<'a> {
    let mut answers = Vec::new();
    for target in &panel.targets {
        let answer = ask(panel, target, scope, http, places).await;
        answers.push((target, answer));
    }
    Filled { panel, answers }
}

async fn ask(
    panel: &Panel,
    target: &Target,
    scope: &Scope,
    http: &Http,
    places: &Places,
) -> Result<Answer, Missing> {
    let text = target.expr.as_deref().unwrap_or(&target.service);
    let query = variables::fill(text, scope).map_err(Missing::for_good)?;
    let window = Window::last(SHOWN, 5.0);
    let asked = async {
        anyhow::Ok(match panel.source(target) {
            "prometheus" => Answer::Series(http.range(places.prometheus()?, &query, window).await?),
            "loki" => match http.logs(places.loki()?, &query, window).await? {
                Logs::Lines(lines) => Answer::Lines(lines),
                Logs::Series(series) => Answer::Series(series),
            },
            "jaeger" => {
                let limit = target.limit.unwrap_or(20);
                Answer::Traces(traces(&http.traces(places.jaeger()?, &query, limit).await?))
            }
            other => return Err(Refused::new(format!("nobody is asked by {other:?}")).into()),
        })
    };
    match asked.await {
        Ok(answer) if answer.is_fresh(window.to) => Ok(answer),
        Ok(answer) => Err(Missing {
            why: format!("{} ({query})", answer.emptiness()),
            for_good: false,
        }),
        Err(error) => Err(Missing {
            for_good: error.is::<Refused>(),
            why: format!("{error:#} ({query})"),
        }),
    }
}

impl Missing {
    fn for_good(why: String) -> Self {
        Self {
            why,
            for_good: true,
        }
    }
}

impl Answer {
    /// Whether there is something to see that is of now.
    fn is_fresh(&self, now: f64) -> bool {
        let fresh = |time: f64| time >= now - FRESH;
        match self {
            Self::Series(series) => {
                let mut points = series.iter().flat_map(|series| &series.points);
                points.any(|(time, value)| fresh(*time) && value.is_finite())
            }
            Self::Lines(lines) => lines.iter().any(|line| fresh(line.time)),
            Self::Traces(traces) => traces.iter().any(|trace| fresh(trace.start)),
        }
    }

    fn emptiness(&self) -> &'static str {
        match self {
            Self::Series(series) if series.is_empty() => "no series",
            Self::Series(series) => {
                let mut points = series.iter().flat_map(|series| &series.points);
                if points.any(|(_, value)| value.is_finite()) {
                    "nothing of the last two minutes"
                } else {
                    "no number, as when nothing is divided by nothing"
                }
            }
            Self::Lines(lines) if lines.is_empty() => "no lines",
            Self::Lines(_) => "no lines of the last two minutes",
            Self::Traces(traces) if traces.is_empty() => "no traces",
            Self::Traces(_) => "no traces of the last two minutes",
        }
    }
}

fn traces(found: &Value) -> Vec<Trace> {
    let found = found.as_array().into_iter().flatten();
    let one = |trace: &Value| {
        let spans = trace["spans"].as_array()?;
        let microseconds = |span: &Value, name: &str| span[name].as_f64().unwrap_or_default();
        let first = spans
            .iter()
            .min_by(|a, b| microseconds(a, "startTime").total_cmp(&microseconds(b, "startTime")))?;
        let start = microseconds(first, "startTime");
        let end = spans
            .iter()
            .map(|span| microseconds(span, "startTime") + microseconds(span, "duration"))
            .fold(start, f64::max);
        Some(Trace {
            id: trace["traceID"].as_str()?.to_owned(),
            name: first["operationName"].as_str()?.to_owned(),
            start: start / 1e6,
            milliseconds: (end - start) / 1e3,
            spans: spans.len(),
        })
    };
    found.filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(points: &[(f64, f64)]) -> Answer {
        Answer::Series(vec![Series {
            labels: [].into(),
            points: points.to_vec(),
        }])
    }

    #[test]
    fn only_numbers_of_now_are_data() {
        assert!(of(&[(900.0, 0.0)]).is_fresh(1000.0), "a zero is data");
        assert!(!of(&[(900.0, f64::NAN)]).is_fresh(1000.0));
        assert!(!of(&[(800.0, 1.0)]).is_fresh(1000.0), "of an earlier run");
        assert!(!of(&[]).is_fresh(1000.0));
        assert_eq!(
            of(&[(800.0, 1.0)]).emptiness(),
            "nothing of the last two minutes"
        );
        assert_eq!(Answer::Series(Vec::new()).emptiness(), "no series");
    }

    #[test]
    fn a_trace_is_summed_up() {
        let traces = traces(&json!([{"traceID": "4bf9", "spans": [
            {"operationName": "db", "startTime": 2_000_000, "duration": 500},
            {"operationName": "POST", "startTime": 1_999_000, "duration": 1_000}]}]));
        assert_eq!((traces[0].name.as_str(), traces[0].spans), ("POST", 2));
        assert_eq!(traces[0].milliseconds, 1.5);
    }
}
