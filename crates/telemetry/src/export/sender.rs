//! The thread that exports.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use metrics::Counter;
use reqwest::Client;
use tokio::sync::mpsc as async_mpsc;

use super::buffers::{Buffers, Piece, Waiting};
use super::post::Target;
use crate::metrics::{TELEMETRY_DROPPED, TELEMETRY_EXPORTED};
use crate::otlp::Envelope;

/// Bytes of each signal kept while the receiver is slow or away.
const CAPACITY: usize = 4 << 20;
/// Bytes in one request, about: small enough not to stall what shares the
/// cores, large enough that requests cost little.
pub(super) const BURST: usize = 256 << 10;
/// How long a record waits at most before it is sent.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why the exporter could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ExporterError {
    /// The OTLP endpoint is not usable, or the HTTP client could not be made.
    #[error("OTLP exporter: {0}")]
    Client(#[from] reqwest::Error),
    /// The export thread could not be started.
    #[error("OTLP thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// The buffers and the thread behind them.
pub(crate) struct Exporter {
    pub(crate) spans: Arc<Buffers>,
    pub(crate) logs: Arc<Buffers>,
    flush: async_mpsc::UnboundedSender<mpsc::Sender<()>>,
}

impl Exporter {
    /// Starts the thread that sends to `endpoint` (a base URL, OTLP over HTTP
    /// with protobuf). The receiver need not be there.
    pub(crate) fn start(endpoint: &str, resource: &[(&str, &str)]) -> Result<Self, ExporterError> {
        let signal = |name: &str, envelope| Export {
            path: name.to_owned(),
            envelope,
            dropped: TELEMETRY_DROPPED.counter_handle(&[name]),
            exported: TELEMETRY_EXPORTED.counter_handle(&[name]),
        };
        Self::start_with(
            endpoint,
            CAPACITY,
            signal("traces", Envelope::of_spans(resource, "glasshouse")),
            signal("logs", Envelope::of_logs(resource)),
        )
    }

    pub(super) fn start_with(
        endpoint: &str,
        capacity: usize,
        traces: Export,
        logs: Export,
    ) -> Result<Self, ExporterError> {
        let endpoint = endpoint.trim_end_matches('/');
        let client = Client::builder().timeout(TIMEOUT).build()?;
        let traces = Signal::new(&client, endpoint, capacity, traces)?;
        let logs = Signal::new(&client, endpoint, capacity, logs)?;
        let (spans, records) = (Arc::clone(&traces.buffers), Arc::clone(&logs.buffers));
        let (flush, flushes) = async_mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name("otlp-export".to_owned())
            .spawn(move || runtime.block_on(run(traces, logs, flushes)))?;
        Ok(Self {
            spans,
            logs: records,
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

/// What is sent, and counted how.
pub(super) struct Export {
    /// Below `/v1/`.
    pub(super) path: String,
    pub(super) envelope: Envelope,
    pub(super) dropped: Counter,
    pub(super) exported: Counter,
}

/// One signal on its way.
struct Signal {
    buffers: Arc<Buffers>,
    /// Goes round between here and the lanes.
    spare: Waiting,
    target: Target,
    export: Export,
}

impl Signal {
    fn new(
        client: &Client,
        endpoint: &str,
        capacity: usize,
        export: Export,
    ) -> reqwest::Result<Self> {
        Ok(Self {
            buffers: Arc::new(Buffers::new(capacity, BURST, export.dropped.clone())),
            spare: Waiting::default(),
            target: Target::new(client, &format!("{endpoint}/v1/{}", export.path))?,
            export,
        })
    }

    async fn send(&mut self) {
        for lane in 0..self.buffers.lanes() {
            self.buffers.swap(lane, &mut self.spare);
            // Sent from where they were written, and given back after that.
            let bytes = Bytes::from(std::mem::take(&mut self.spare.bytes));
            let mut begin = 0;
            for Piece { end, records } in self.spare.pieces.drain(..) {
                let request = self.export.envelope.seal(bytes.slice(begin..end));
                begin = end;
                // Failures are not logged: the line would itself be exported.
                let refused = match self.target.post(request).await {
                    Some(refused) => refused.min(records),
                    None => records,
                };
                self.export.exported.increment(records - refused);
                self.export.dropped.increment(refused);
            }
            // Whoever holds a request that failed keeps what it is made of.
            if let Ok(mut bytes) = bytes.try_into_mut() {
                bytes.clear();
                self.spare.bytes = bytes.into();
            }
            // A lane is taken when it holds a little more than a burst.
            self.spare.bytes.shrink_to(2 * BURST);
        }
    }
}

async fn run(
    mut traces: Signal,
    mut logs: Signal,
    mut flushes: async_mpsc::UnboundedReceiver<mpsc::Sender<()>>,
) {
    let mut next = Instant::now() + INTERVAL;
    loop {
        let flushed = tokio::select! {
            () = tokio::time::sleep_until(next.into()) => None,
            () = traces.buffers.filled() => None,
            () = logs.buffers.filled() => None,
            flush = flushes.recv() => match flush {
                Some(done) => Some(done),
                None => return,
            },
        };
        traces.send().await;
        logs.send().await;
        if let Some(done) = flushed {
            // Nobody waits any more if the flush ran out of time.
            let _ = done.send(());
        }
        next = Instant::now() + INTERVAL;
    }
}
