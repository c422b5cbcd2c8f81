//! Spans and log lines as a service would send them.

use serde_json::{Value, json};
use uuid::Uuid;

use super::stack::Stack;

/// Who sends them.
pub const SERVICE: &str = "planted";

/// A trace of one span.
pub struct Planted {
    pub trace_id: String,
    pub name: &'static str,
    /// How long it took.
    pub seconds: f64,
    pub error: bool,
    pub attributes: Vec<(&'static str, Value)>,
}

impl Planted {
    pub fn new(name: &'static str, seconds: f64) -> Self {
        Self {
            trace_id: Uuid::new_v4().simple().to_string(),
            name,
            seconds,
            error: false,
            attributes: vec![("http.route", json!("/planted"))],
        }
    }

    pub fn failed(self) -> Self {
        Self {
            error: true,
            ..self
        }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// Sends it to the Collector, as just ended.
    pub async fn send(&self, stack: &Stack) {
        let end = nanos(0.0);
        let start = nanos(self.seconds);
        let span = json!({
            "traceId": self.trace_id,
            "spanId": &Uuid::new_v4().simple().to_string()[..16],
            "name": self.name,
            "kind": 2,
            "startTimeUnixNano": start.to_string(),
            "endTimeUnixNano": end.to_string(),
            "attributes": attributes(&self.attributes),
            "events": [{
                "timeUnixNano": end.to_string(),
                "name": "exception",
                "attributes": attributes(&[
                    ("exception.type", json!("Broken")),
                    ("exception.message", json!("canary-in-an-event")),
                ]),
            }],
            "status": { "code": if self.error { 2 } else { 0 } },
        });
        let body = json!({ "resourceSpans": [{
            "resource": resource(),
            "scopeSpans": [{ "spans": [span] }],
        }]});
        post(stack, "/v1/traces", &body).await;
    }
}

/// Sends log lines of one severity number, of that many seconds ago.
pub async fn lines(
    stack: &Stack,
    severity: u8,
    count: usize,
    ago: f64,
    trace_id: &str,
    fields: &[(&'static str, Value)],
) {
    let first = nanos(ago);
    let line = |number: usize| {
        json!({
            "timeUnixNano": (first + number as u128).to_string(),
            "severityNumber": severity,
            "body": { "stringValue": "planted" },
            "traceId": trace_id,
            "attributes": attributes(fields),
        })
    };
    let lines: Vec<Value> = (0..count).map(line).collect();
    let body = json!({ "resourceLogs": [{
        "resource": resource(),
        "scopeLogs": [{ "logRecords": lines }],
    }]});
    post(stack, "/v1/logs", &body).await;
}

async fn post(stack: &Stack, path: &str, body: &Value) {
    let url = format!("{}{path}", stack.address("otel-collector"));
    let answer = stack.http.post(url).json(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
}

fn resource() -> Value {
    json!({ "attributes": attributes(&[
        ("service.name", json!(SERVICE)),
        ("deployment.environment.name", json!("test")),
        ("process.command_args", json!("canary-in-the-resource")),
    ])})
}

fn attributes(named: &[(&'static str, Value)]) -> Vec<Value> {
    let attribute = |(name, value): &(&str, Value)| {
        let value = match value {
            Value::Bool(truth) => json!({ "boolValue": truth }),
            other => json!({ "stringValue": other.as_str().unwrap_or_default() }),
        };
        json!({ "key": name, "value": value })
    };
    named.iter().map(attribute).collect()
}

/// Nanoseconds since 1970, so many seconds ago.
fn nanos(ago: f64) -> u128 {
    let now = std::time::SystemTime::now();
    let then = now - std::time::Duration::from_secs_f64(ago);
    let since = then.duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or_default().as_nanos()
}
