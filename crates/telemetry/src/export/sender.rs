//! The thread that exports.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use metrics::Counter;
use opentelemetry::InstrumentationScope;
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogExporter as _, SdkLogRecord};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::mpsc as async_mpsc;

use super::http::{CountingClient, rejected_logs, rejected_spans};
use super::queue::Queue;
use crate::metrics::{TELEMETRY_DROPPED, TELEMETRY_EXPORTED};

/// Spans and log records kept while the receiver is slow or away; some 8 MiB.
const CAPACITY: usize = 8_192;
/// Items in one request.
const BATCH: usize = 512;
/// How long an item waits at most before it is sent.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why the exporter could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ExporterError {
    /// The OTLP endpoint is not usable.
    #[error("OTLP exporter: {0}")]
    Build(#[from] ExporterBuildError),
    /// The HTTP client could not be made.
    #[error("OTLP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The export thread could not be started.
    #[error("OTLP thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// The queues and the thread behind them.
pub(crate) struct Exporter {
    pub(crate) spans: Arc<Queue<SpanData>>,
    pub(crate) logs: Arc<Queue<SdkLogRecord>>,
    flush: async_mpsc::UnboundedSender<mpsc::Sender<()>>,
}

impl Exporter {
    /// Starts the thread that sends to `endpoint` (a base URL, OTLP over HTTP
    /// with protobuf). The receiver need not be there.
    pub(crate) fn start(endpoint: &str, resource: &Resource) -> Result<Self, ExporterError> {
        let endpoint = endpoint.trim_end_matches('/');
        let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        let refused_spans = Arc::new(AtomicU64::new(0));
        let refused_logs = Arc::new(AtomicU64::new(0));
        let mut span_exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(CountingClient {
                inner: client.clone(),
                read: rejected_spans,
                rejected: Arc::clone(&refused_spans),
            })
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .with_timeout(TIMEOUT)
            .build()?;
        let mut log_exporter = LogExporter::builder()
            .with_http()
            .with_http_client(CountingClient {
                inner: client,
                read: rejected_logs,
                rejected: Arc::clone(&refused_logs),
            })
            .with_endpoint(format!("{endpoint}/v1/logs"))
            .with_timeout(TIMEOUT)
            .build()?;
        span_exporter.set_resource(resource);
        log_exporter.set_resource(resource);

        let traces = Signal::new("traces", refused_spans);
        let logs = Signal::new("logs", refused_logs);
        let span_queue = Arc::new(Queue::new(CAPACITY, BATCH, traces.dropped.clone()));
        let log_queue = Arc::new(Queue::new(CAPACITY, BATCH, logs.dropped.clone()));
        let (flush, flushes) = async_mpsc::unbounded_channel();
        let sender = Sender {
            spans: Arc::clone(&span_queue),
            logs: Arc::clone(&log_queue),
            span_exporter,
            log_exporter,
            traces_signal: traces,
            logs_signal: logs,
            scope: InstrumentationScope::builder("glasshouse").build(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name("otlp-export".to_owned())
            .spawn(move || runtime.block_on(sender.run(flushes)))?;
        Ok(Self {
            spans: span_queue,
            logs: log_queue,
            flush,
        })
    }

    /// Sends what waits; gives up after `timeout`. Blocks the calling thread.
    pub(crate) fn flush(&self, timeout: Duration) {
        let (done, wait) = mpsc::channel();
        if self.flush.send(done).is_ok() {
            // Running out of time is no failure of the service.
            let _ = wait.recv_timeout(timeout);
        }
    }
}

/// The counters of one signal.
struct Signal {
    dropped: Counter,
    exported: Counter,
    /// What `partial_success` answers said was refused.
    refused: Arc<AtomicU64>,
}

impl Signal {
    fn new(name: &str, refused: Arc<AtomicU64>) -> Self {
        Self {
            dropped: TELEMETRY_DROPPED.counter_handle(&[name]),
            exported: TELEMETRY_EXPORTED.counter_handle(&[name]),
            refused,
        }
    }

    async fn account(&self, items: usize, export: impl Future<Output = OTelSdkResult>) {
        let items = items as u64;
        match export.await {
            Ok(()) => {
                let refused = self.refused.swap(0, Ordering::Relaxed).min(items);
                self.exported.increment(items - refused);
                self.dropped.increment(refused);
            }
            // Not logged here: a log line would itself be exported.
            Err(_) => self.dropped.increment(items),
        }
    }
}

struct Sender {
    spans: Arc<Queue<SpanData>>,
    logs: Arc<Queue<SdkLogRecord>>,
    span_exporter: SpanExporter,
    log_exporter: LogExporter,
    traces_signal: Signal,
    logs_signal: Signal,
    scope: InstrumentationScope,
}

impl Sender {
    async fn run(self, mut flushes: async_mpsc::UnboundedReceiver<mpsc::Sender<()>>) {
        let mut next = Instant::now() + INTERVAL;
        loop {
            let flushed = tokio::select! {
                () = tokio::time::sleep_until(next.into()) => None,
                () = self.spans.filled() => None,
                () = self.logs.filled() => None,
                flush = flushes.recv() => match flush {
                    Some(done) => Some(done),
                    None => return,
                },
            };
            // A panic in a library's encoder loses that batch, not the thread;
            // the panic hook has logged it.
            let _ = AssertUnwindSafe(self.send()).catch_unwind().await;
            if let Some(done) = flushed {
                // Nobody waits any more if the flush ran out of time.
                let _ = done.send(());
            }
            next = Instant::now() + INTERVAL;
        }
    }

    async fn send(&self) {
        let mut spans = self.spans.take();
        while !spans.is_empty() {
            let rest = spans.split_off(spans.len().min(BATCH));
            self.traces_signal
                .account(spans.len(), self.span_exporter.export(spans))
                .await;
            spans = rest;
        }
        let records = self.logs.take();
        for records in records.chunks(BATCH) {
            let batch: Vec<_> = records.iter().map(|record| (record, &self.scope)).collect();
            self.logs_signal
                .account(
                    records.len(),
                    self.log_exporter.export(LogBatch::new(&batch)),
                )
                .await;
        }
    }
}
