//! Against real receivers: none, one that refuses, one that takes its part.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use metrics::Counter;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::net::TcpListener;

use super::buffers::{Buffers, Waiting};
use super::sender::{BURST, Export, Exporter};
use crate::otlp::{EndedSpan, Envelope, span_name};
use crate::trace::SpanContext;

const PATIENCE: Duration = Duration::from_secs(20);
const RESOURCE: [(&str, &str); 1] = [("service.name", "test")];

#[derive(Default)]
struct Counts {
    dropped: Arc<AtomicU64>,
    exported: Arc<AtomicU64>,
}

impl Counts {
    fn export(&self, path: &str, envelope: Envelope) -> Export {
        Export {
            path: path.to_owned(),
            envelope,
            dropped: Counter::from_arc(Arc::clone(&self.dropped)),
            exported: Counter::from_arc(Arc::clone(&self.exported)),
        }
    }

    fn exported_and_dropped(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::SeqCst);
        (read(&self.exported), read(&self.dropped))
    }
}

/// An exporter to `endpoint` with room for `capacity` bytes in all.
fn exporter(endpoint: &str, capacity: usize) -> (Exporter, Counts) {
    let counts = Counts::default();
    let traces = counts.export("traces", Envelope::of_spans(&RESOURCE, "scope"));
    let logs = Counts::default().export("logs", Envelope::of_logs(&RESOURCE));
    let exporter = Exporter::start_with(endpoint, capacity, traces, logs);
    (exporter.expect("an exporter"), counts)
}

async fn flush(exporter: &Arc<Exporter>) {
    let exporter = Arc::clone(exporter);
    let flushed = tokio::task::spawn_blocking(move || exporter.flush(PATIENCE));
    flushed.await.expect("a flush");
}

/// Ends a span with a name of `length` bytes.
fn end_span(buffers: &Buffers, length: usize) {
    let mut fields = Vec::new();
    span_name(&mut fields, &"n".repeat(length));
    let own = SpanContext {
        trace_id: 1,
        span_id: 1,
        flags: 1,
        remote: false,
    };
    let span = EndedSpan {
        own: &own,
        parent: None,
        start: 1,
        end: 2,
        constant: &[],
        fields: &fields,
        dropped: [0; 3],
    };
    buffers.append(|out| span.write(out));
}

/// A receiver that keeps what it got and says `answer` to it.
async fn receiver(status: StatusCode, answer: Vec<u8>) -> (String, Arc<Mutex<Vec<Bytes>>>) {
    let received = Arc::new(Mutex::new(Vec::new()));
    let bodies = Arc::clone(&received);
    let take = async move |body: Bytes| {
        bodies.lock().expect("no panic").push(body);
        (status, answer)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let router = Router::new().fallback(axum::routing::post(take));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}"), received)
}

#[test]
fn full_buffers_drop_the_newest_and_count_it() {
    let counts = Counts::default();
    let dropped = Counter::from_arc(Arc::clone(&counts.dropped));
    let buffers = Buffers::new(1_000 * 8 * 8, 1 << 20, dropped);
    let room = 1_000 * 8 * 8 / buffers.lanes();
    let append =
        |byte: u8, length: usize| buffers.append(|out| out.resize(out.len() + length, byte));
    append(1, room - 10);
    append(2, 11);
    append(3, 10);
    append(4, 1);
    assert_eq!(counts.exported_and_dropped(), (0, 2));
    let kept: Vec<u8> = (0..buffers.lanes())
        .flat_map(|lane| {
            let mut taken = Waiting::default();
            buffers.swap(lane, &mut taken);
            taken.bytes
        })
        .collect();
    assert_eq!(kept.len(), room);
    assert!(kept.ends_with(&[1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3]));
    append(5, room);
    assert_eq!(counts.exported_and_dropped(), (0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn much_is_sent_in_pieces_and_counted_once() {
    let (endpoint, received) = receiver(StatusCode::OK, Vec::new()).await;
    let (exporter, counts) = exporter(&endpoint, 64 << 20);
    let exporter = Arc::new(exporter);
    // One of them is more than a piece by itself.
    for length in (0..900).chain([2 * BURST]).chain(0..900) {
        end_span(&exporter.spans, length);
    }
    flush(&exporter).await;
    assert_eq!(counts.exported_and_dropped(), (1_801, 0));
    let bodies = received.lock().expect("no panic");
    let mut lengths = Vec::new();
    for body in bodies.iter() {
        let request = ExportTraceServiceRequest::decode(body.clone()).expect("a request");
        let [resource] = request.resource_spans.as_slice() else {
            panic!("one resource")
        };
        let attributes = &resource.resource.as_ref().expect("a resource").attributes;
        assert_eq!(attributes[0].key, "service.name");
        let [scope] = resource.scope_spans.as_slice() else {
            panic!("one scope")
        };
        assert_eq!(scope.scope.as_ref().expect("a scope").name, "scope");
        assert!(body.len() < BURST + 100 || scope.spans.len() == 1);
        lengths.extend(scope.spans.iter().map(|span| span.name.len()));
    }
    let expected: Vec<_> = (0..900).chain([2 * BURST]).chain(0..900).collect();
    assert_eq!(lengths, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_refuses_is_dropped() {
    let answer = ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans: 3,
            error_message: "too old".to_owned(),
        }),
    };
    let (endpoint, _) = receiver(StatusCode::OK, answer.encode_to_vec()).await;
    let (exporter, counts) = exporter(&endpoint, 1 << 20);
    let exporter = Arc::new(exporter);
    for _ in 0..10 {
        end_span(&exporter.spans, 5);
    }
    flush(&exporter).await;
    assert_eq!(counts.exported_and_dropped(), (7, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_delivered_is_dropped() {
    let (refusing, _) = receiver(StatusCode::SERVICE_UNAVAILABLE, Vec::new()).await;
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let nobody = format!("http://{}", listener.local_addr().expect("its address"));
    drop(listener);
    for endpoint in [refusing, nobody] {
        let (exporter, counts) = exporter(&endpoint, 1 << 20);
        let exporter = Arc::new(exporter);
        for _ in 0..10 {
            end_span(&exporter.spans, 5);
        }
        flush(&exporter).await;
        assert_eq!(counts.exported_and_dropped(), (0, 10), "{endpoint}");
    }
}

#[test]
fn an_endpoint_that_is_no_url_is_an_error() {
    let export = |path| Counts::default().export(path, Envelope::of_logs(&RESOURCE));
    let started = Exporter::start_with("no url", 1, export("traces"), export("logs"));
    assert!(started.is_err());
}
