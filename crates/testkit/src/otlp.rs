//! An OTLP receiver that keeps what the services really export.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use tokio::net::TcpListener;

use crate::eventually;

/// Attributes as text.
pub type Attributes = BTreeMap<String, String>;

/// A span as it arrived.
#[derive(Clone, Debug)]
pub struct Span {
    /// The resource's `service.name`.
    pub service: String,
    /// The span's name.
    pub name: String,
    /// Hexadecimal.
    pub trace_id: String,
    /// Hexadecimal.
    pub span_id: String,
    /// Hexadecimal; empty for a root.
    pub parent_id: String,
    /// 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub kind: i32,
    /// Span attributes.
    pub attributes: Attributes,
    /// Span ids of the links.
    pub links: Vec<String>,
    /// Whether the status is an error.
    pub failed: bool,
    /// Nanoseconds since 1970.
    pub start: u64,
    /// Nanoseconds since 1970.
    pub end: u64,
}

/// A log record as it arrived.
#[derive(Clone, Debug)]
pub struct Log {
    /// The resource's `service.name`.
    pub service: String,
    /// The body: an event name.
    pub message: String,
    /// `INFO`, `WARNING`, …
    pub level: String,
    /// Hexadecimal; empty outside a trace.
    pub trace_id: String,
    /// Record attributes.
    pub attributes: Attributes,
}

#[derive(Default)]
struct Received {
    spans: Vec<Span>,
    logs: Vec<Log>,
}

/// The receiver, on a free loopback port.
#[derive(Clone)]
pub struct OtlpReceiver {
    /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub endpoint: String,
    received: Arc<Mutex<Received>>,
}

impl OtlpReceiver {
    /// Starts it; it ends with the test's runtime.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let receiver = Self {
            endpoint: format!("http://{address}"),
            received: Arc::default(),
        };
        let router = Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/logs", post(logs))
            .with_state(Arc::clone(&receiver.received));
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    /// All spans of a trace so far.
    pub fn trace(&self, trace_id: &str) -> Vec<Span> {
        let received = self.lock();
        let of_trace = received
            .spans
            .iter()
            .filter(|span| span.trace_id == trace_id);
        of_trace.cloned().collect()
    }

    /// Every span so far.
    pub fn spans(&self) -> Vec<Span> {
        self.lock().spans.clone()
    }

    /// All log records so far.
    pub fn logs(&self) -> Vec<Log> {
        self.lock().logs.clone()
    }

    /// Waits until nothing of the trace is `missing`, and returns it.
    ///
    /// # Panics
    /// When it never does.
    pub async fn trace_with(
        &self,
        trace_id: &str,
        missing: impl Fn(&[Span]) -> Vec<String>,
    ) -> Vec<Span> {
        let what = format!("trace {trace_id} complete");
        let deadline = std::time::Instant::now() + crate::PATIENCE / 2;
        eventually(&what, || async {
            let spans = self.trace(trace_id);
            let missing = missing(&spans);
            if missing.is_empty() {
                return Some(spans);
            }
            assert!(
                std::time::Instant::now() < deadline,
                "missing: {missing:#?}; there are {:#?}",
                spans.iter().map(|span| &span.name).collect::<Vec<_>>()
            );
            None
        })
        .await
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn traces(State(received): State<Arc<Mutex<Received>>>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
    for resource in request.resource_spans {
        let service = service_name(resource.resource.as_ref());
        for span in resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans)
        {
            received.spans.push(Span {
                service: service.clone(),
                name: span.name,
                trace_id: hex(&span.trace_id),
                span_id: hex(&span.span_id),
                parent_id: hex(&span.parent_span_id),
                kind: span.kind,
                attributes: attributes(&span.attributes),
                links: span.links.iter().map(|link| hex(&link.span_id)).collect(),
                failed: span.status.is_some_and(|status| status.code == 2),
                start: span.start_time_unix_nano,
                end: span.end_time_unix_nano,
            });
        }
    }
    StatusCode::OK
}

async fn logs(State(received): State<Arc<Mutex<Received>>>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportLogsServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
    for resource in request.resource_logs {
        let service = service_name(resource.resource.as_ref());
        for record in resource
            .scope_logs
            .into_iter()
            .flat_map(|scope| scope.log_records)
        {
            received.logs.push(Log {
                service: service.clone(),
                message: record.body.as_ref().map(text).unwrap_or_default(),
                level: record.severity_text,
                trace_id: hex(&record.trace_id),
                attributes: attributes(&record.attributes),
            });
        }
    }
    StatusCode::OK
}

fn service_name(resource: Option<&Resource>) -> String {
    resource
        .map(|resource| attributes(&resource.attributes))
        .and_then(|mut attributes| attributes.remove("service.name"))
        .unwrap_or_default()
}

fn attributes(attributes: &[KeyValue]) -> Attributes {
    attributes
        .iter()
        .map(|attribute| {
            let value = attribute.value.as_ref().map(text).unwrap_or_default();
            (attribute.key.clone(), value)
        })
        .collect()
}

fn text(value: &AnyValue) -> String {
    match &value.value {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(any_value::Value::DoubleValue(number)) => number.to_string(),
        Some(any_value::Value::BoolValue(truth)) => truth.to_string(),
        _ => String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
