//! Is one action seen by all who watch: its trace whole in Jaeger, its lines in
//! Loki by the trace's id, an exemplar in Prometheus that leads to it?

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use serde_json::Value;

use super::ask::{Http, Window, until};
use super::outcome::Outcome;
use super::places::Places;
use crate::journey;
use crate::progress::Step;

/// What of ARCHITECTURE.md's picture of the trace there must be. What comes
/// later or elsewhere is linked to its cause, besides being its child.
const SHAPE: [(&str, &str, bool); 12] = [
    ("chat-gateway", "websocket.receive", false),
    ("chat-gateway", "POST /v1/tasks", false),
    ("todo-api", "POST /v1/tasks", false),
    ("todo-api", "db.task_insert", false),
    ("todo-api", "outbox.publish", false),
    ("todo-api", "todo.tasks.v1 publish", false),
    ("event-worker", "todo.tasks.v1 process", true),
    ("event-worker", "reminder.fire", true),
    ("event-worker", "outbox.publish", false),
    ("event-worker", "notifications.v1 publish", false),
    ("chat-gateway", "notifications.v1 process", true),
    ("chat-gateway", "websocket.push", true),
];

/// The series that exemplars hang on.
pub(super) const EXEMPLARS: &str = "traces_span_metrics_duration_seconds_bucket";
/// How long an exemplar may take: the Collector counts every five seconds, and
/// so often is it scraped.
const EXEMPLAR_WITHIN: Duration = Duration::from_secs(20);
/// Under load a point of a histogram has room for the traces of few.
const JOURNEYS: usize = 3;

/// What there is to follow further.
#[derive(Clone, Debug)]
pub(super) struct Trail {
    pub trace_id: String,
    pub trace: Value,
}

/// Makes the journey and looks for it.
pub(super) async fn follow(
    http: &Http,
    places: &Places,
    step: &Step,
) -> Result<(Outcome, Option<Trail>)> {
    let options = places.journey().await?;
    let mut outcome = Outcome::new("journey seen");
    step.note("on its way");
    let mut report = journey::run(&options).await?;
    if let Some(failure) = &report.failure {
        let hop = report.failed_hop().unwrap_or_default();
        outcome.fails(format!("it ended at {hop:?}: {failure}"));
        return Ok((outcome, None));
    }
    outcome.keeps();
    for finding in &report.findings {
        match finding.found {
            Some(true) => outcome.keeps(),
            Some(false) | None => outcome.fails(format!("{}: {}", finding.place, finding.text)),
        }
    }
    let Ok(jaeger) = places.jaeger() else {
        return Ok((outcome, None));
    };
    let trace = http.trace(jaeger, &report.trace_id).await;
    let Some(trace) = outcome.tried("the trace", trace) else {
        return Ok((outcome, None));
    };
    for fault in misshapen(&trace) {
        outcome.fails(format!("trace {}: {fault}", report.trace_id));
    }
    let trail = Trail {
        trace_id: report.trace_id.clone(),
        trace,
    };
    step.note("looking for an exemplar");
    for left in (0..JOURNEYS).rev() {
        match until(EXEMPLAR_WITHIN, || exemplar(http, places, &report.trace_id)).await {
            Err(_) if left > 0 => report = journey::run(&options).await?,
            last => {
                outcome.tried("Prometheus", last);
                break;
            }
        }
    }
    outcome.note = Some(format!("trace {}", trail.trace_id));
    Ok((outcome, Some(trail)))
}

/// Whether an exemplar has the id of a trace.
async fn exemplar(http: &Http, places: &Places, trace_id: &str) -> Result<()> {
    let ids = exemplars(http, places).await?;
    ensure!(
        ids.iter().any(|id| id == trace_id),
        "none of {} exemplars leads to trace {trace_id}",
        ids.len()
    );
    Ok(())
}

/// The trace ids of the newest exemplars.
pub(super) async fn exemplars(http: &Http, places: &Places) -> Result<Vec<String>> {
    let window = Window::last(120.0, 1.0);
    let (from, to) = (window.from.to_string(), window.to.to_string());
    let query: [(&str, &str); 3] = [("query", EXEMPLARS), ("start", &from), ("end", &to)];
    let path = "/api/v1/query_exemplars";
    let answer = http.get(places.prometheus()?, path, &query).await?;
    let series = answer["data"].as_array().into_iter().flatten();
    let exemplars = series.filter_map(|series| series["exemplars"].as_array());
    let id = |exemplar: &Value| Some(exemplar["labels"]["trace_id"].as_str()?.to_owned());
    Ok(exemplars.flatten().filter_map(id).collect())
}

/// What a journey's trace lacks.
fn misshapen(trace: &Value) -> Vec<String> {
    let mut linked: BTreeMap<(&str, &str), bool> = BTreeMap::new();
    for span in trace["spans"].as_array().into_iter().flatten() {
        let process = span["processID"].as_str().unwrap_or_default();
        let service = trace["processes"][process]["serviceName"].as_str();
        let name = span["operationName"].as_str().unwrap_or_default();
        let references = span["references"].as_array().into_iter().flatten();
        let links = references.filter(|one| one["refType"] == "FOLLOWS_FROM");
        let entry = linked.entry((service.unwrap_or_default(), name));
        *entry.or_default() |= links.count() > 0;
    }
    let faults =
        SHAPE.iter().filter_map(
            |(service, name, link)| match linked.get(&(*service, *name)) {
                None => Some(format!("has no {name} of {service}")),
                Some(false) if *link => {
                    Some(format!("{name} of {service} is not linked to its cause"))
                }
                Some(_) => None,
            },
        );
    faults.collect()
}

/// A span of a trace: its service and its name.
pub(super) fn a_span(trace: &Value) -> Result<(String, String)> {
    for span in trace["spans"].as_array().into_iter().flatten() {
        let process = span["processID"].as_str().unwrap_or_default();
        let service = trace["processes"][process]["serviceName"].as_str();
        if let (Some(service), Some(name)) = (service, span["operationName"].as_str()) {
            return Ok((service.to_owned(), name.to_owned()));
        }
    }
    bail!("a trace without spans")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trace(but: &str) -> Value {
        let spans = SHAPE.iter().filter(|(_, name, _)| *name != but);
        let span = |(service, name, link): &(&str, &str, bool)| {
            let reference = if *link { "FOLLOWS_FROM" } else { "CHILD_OF" };
            json!({"operationName": name, "processID": service,
                   "references": [{"refType": reference}]})
        };
        json!({
            "spans": spans.map(span).collect::<Vec<_>>(),
            "processes": {
                "chat-gateway": {"serviceName": "chat-gateway"},
                "todo-api": {"serviceName": "todo-api"},
                "event-worker": {"serviceName": "event-worker"},
            },
        })
    }

    #[test]
    fn what_a_trace_lacks_is_named() {
        assert_eq!(misshapen(&trace("")), Vec::<String>::new());
        let lacks = misshapen(&trace("reminder.fire"));
        assert_eq!(lacks, ["has no reminder.fire of event-worker"]);
        let mut unlinked = trace("");
        unlinked["spans"][11]["references"] = json!([]);
        let faults = misshapen(&unlinked);
        assert_eq!(
            faults,
            ["websocket.push of chat-gateway is not linked to its cause"]
        );
        assert_eq!(a_span(&trace("")).unwrap().1, "websocket.receive");
    }
}
