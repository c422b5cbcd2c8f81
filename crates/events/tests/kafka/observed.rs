//! Metrics and log lines of this process, as the tests see them.

use std::fmt::Write as _;
use std::sync::{Mutex, OnceLock, PoisonError};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use testkit::Samples;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Begins to observe, once for all tests.
pub(crate) fn start() {
    METRICS.get_or_init(|| {
        tracing::subscriber::set_global_default(Warnings).expect("no other subscriber");
        let builder = PrometheusBuilder::new();
        builder.install_recorder().expect("no other recorder")
    });
}

/// All metrics now.
pub(crate) fn metrics() -> Samples {
    Samples::parse(&METRICS.get().expect("started").render())
}

/// How many lines hold both texts.
pub(crate) fn lines(message: &str, about: &str) -> usize {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    let found = lines
        .iter()
        .filter(|l| l.contains(message) && l.contains(about));
    found.count()
}

/// Keeps warnings and errors.
struct Warnings;

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line.0);
    }

    // Spans of `tracing` are not used here.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string does not fail.
        let _ = write!(self.0, "{field}={value:?} ");
    }
}
