//! A telemetry and the receiver that it sends to, one for this process.

use std::sync::{Arc, LazyLock, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use telemetry::{Context, Level, Sampler, Settings, Telemetry};
use tokio::net::TcpListener;

#[derive(Default)]
struct Received {
    traces: Vec<ExportTraceServiceRequest>,
    logs: Vec<ExportLogsServiceRequest>,
}

pub struct World {
    telemetry: Telemetry,
    received: Arc<Mutex<Received>>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let received = Arc::<Mutex<Received>>::default();
    let endpoint = serve(Arc::clone(&received));
    let settings = Settings {
        service: "telemetry-test",
        version: "1.2.3",
        revision: "unknown".to_owned(),
        environment: "test".to_owned(),
        level: Level::Info,
        log_file: None,
        otlp_endpoint: Some(endpoint),
        sampler: Sampler::default(),
        slow_query: Duration::from_secs(1),
        metrics: true,
    };
    World {
        telemetry: Telemetry::init(settings, &[]).expect("the first telemetry"),
        received,
    }
});

/// Starts both, before the first span.
pub fn world() -> &'static World {
    &WORLD
}

/// On a thread of its own: the runtimes of the tests come and go.
fn serve(received: Arc<Mutex<Received>>) -> String {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("its address");
            tell.send(format!("http://{address}")).expect("a listener");
            let of_logs = Arc::clone(&received);
            let traces = async move |body: Bytes| {
                let request = ExportTraceServiceRequest::decode(body).expect("spans");
                received.lock().expect("no panic").traces.push(request);
            };
            let logs = async move |body: Bytes| {
                let request = ExportLogsServiceRequest::decode(body).expect("log records");
                of_logs.lock().expect("no panic").logs.push(request);
            };
            let router = Router::new()
                .route("/v1/traces", post(traces))
                .route("/v1/logs", post(logs));
            axum::serve(listener, router).await.expect("it serves");
        });
    });
    told.recv().expect("an address")
}

impl World {
    fn flush(&self) {
        self.telemetry.flush(Duration::from_secs(20));
    }

    /// The spans of this trace so far, in the order in which they ended.
    pub fn spans(&self, of: &Context) -> Vec<Span> {
        self.flush();
        let received = self.received.lock().expect("no panic");
        let spans = received
            .traces
            .iter()
            .flat_map(|request| &request.resource_spans)
            .flat_map(|resource| &resource.scope_spans)
            .inspect(|scope| {
                let scope = scope.scope.as_ref();
                assert_eq!(scope.map(|scope| scope.name.as_str()), Some("glasshouse"));
            })
            .flat_map(|scope| &scope.spans);
        spans
            .filter(|span| hex(&span.trace_id) == of.trace_id())
            .cloned()
            .collect()
    }

    /// The log records of this trace so far, each with the name of its scope.
    pub fn logs(&self, of: &Context) -> Vec<(String, LogRecord)> {
        self.flush();
        let received = self.received.lock().expect("no panic");
        let scopes = received
            .logs
            .iter()
            .flat_map(|request| &request.resource_logs)
            .flat_map(|resource| &resource.scope_logs);
        scopes
            .flat_map(|scope| {
                let name = scope.scope.as_ref().map(|scope| scope.name.clone());
                let records = scope.log_records.iter().cloned();
                records.map(move |record| (name.clone().unwrap_or_default(), record))
            })
            .filter(|(_, record)| hex(&record.trace_id) == of.trace_id())
            .collect()
    }

    /// The resource of every request so far.
    pub fn resources(&self) -> Vec<Resource> {
        let received = self.received.lock().expect("no panic");
        let of_spans = received.traces.iter().flat_map(|request| {
            let resources = request.resource_spans.iter();
            resources.filter_map(|spans| spans.resource.clone())
        });
        let of_logs = received.logs.iter().flat_map(|request| {
            let resources = request.resource_logs.iter();
            resources.filter_map(|logs| logs.resource.clone())
        });
        of_spans.chain(of_logs).collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
