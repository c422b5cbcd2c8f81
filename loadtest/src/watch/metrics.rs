//! The generator's own metrics, for Prometheus: what it sends stands beside what
//! the services say of it. The histograms of the run are counted into buckets when
//! a second is over, so that they cost a request nothing.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use axum::Router;
use axum::routing::get;
use hdrhistogram::Histogram;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::View;
use crate::outline::Outline;
use crate::record::{Record, StepRecord};
use crate::report::Moment;

/// A metric of the generator.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// The exposed name.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// The `# HELP` text.
    pub help: &'static str,
}

impl Metric {
    const fn new(
        kind: &'static str,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            labels,
            help,
        }
    }
}

const RUN: Metric = Metric::new(
    "gauge",
    "loadtest_run_info",
    &["scenario", "target"],
    "What is run; always 1.",
);
const INTENDED: Metric = Metric::new(
    "counter",
    "loadtest_intended_total",
    &[],
    "Requests, or journeys of a scenario, that were to go.",
);
const UNSENT: Metric = Metric::new(
    "counter",
    "loadtest_unsent_total",
    &[],
    "Requests, or journeys, that could not go.",
);
const REQUESTS: Metric = Metric::new(
    "counter",
    "loadtest_requests_total",
    &["step", "status"],
    "What came of the requests: success, or error (no complete answer, or not the expected one).",
);
const DURATION: Metric = Metric::new(
    "histogram",
    "loadtest_request_duration_seconds",
    &["step"],
    "From when a request was meant to go to the end of its answer.",
);
const SERVICE: Metric = Metric::new(
    "histogram",
    "loadtest_service_time_seconds",
    &["step"],
    "From when a request went to the end of its answer.",
);
const LATENESS: Metric = Metric::new(
    "histogram",
    "loadtest_lateness_seconds",
    &[],
    "The generator's own lateness: from when a request was meant to go to when it was attended to.",
);
const CONNECTIONS: Metric = Metric::new(
    "counter",
    "loadtest_connections_opened_total",
    &[],
    "Connections opened.",
);
const BUSY: Metric = Metric::new(
    "gauge",
    "loadtest_busy_ratio",
    &[],
    "The share of the last second in which the busiest worker was busy, 0 to 1.",
);

/// All of them.
pub const CATALOGUE: &[Metric] = &[
    RUN,
    INTENDED,
    UNSENT,
    REQUESTS,
    DURATION,
    SERVICE,
    LATENESS,
    CONNECTIONS,
    BUSY,
];

/// Upper bounds in seconds, 100 µs to 10 s.
const BUCKETS: [f64; 16] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// A file of targets, removed with this: whom nobody finds there, nobody looks for.
struct Announced(PathBuf);

impl Drop for Announced {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// `/metrics` on a port of its own, as long as this lives.
pub struct Exposed {
    address: SocketAddr,
    total: Option<Record>,
    text: Arc<Mutex<String>>,
    announced: Option<Announced>,
    _serving: AbortOnDropHandle<io::Result<()>>,
}

impl Exposed {
    /// Listens.
    ///
    /// # Errors
    /// If the address is taken.
    pub async fn listen(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let text = Arc::new(Mutex::new(String::new()));
        let shown = Arc::clone(&text);
        let answer = move || {
            let text = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
            std::future::ready(([("content-type", "text/plain; version=0.0.4")], text))
        };
        let app = Router::new().route("/metrics", get(answer));
        let serving = tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self {
            address,
            total: None,
            text,
            announced: None,
            _serving: AbortOnDropHandle::new(serving),
        })
    }

    /// Has a Prometheus look here that reads its targets from this file, as long as
    /// this lives.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn announce(&mut self, file: PathBuf) -> io::Result<()> {
        let targets = json!([{ "targets": [self.address.to_string()] }]);
        // Written aside, for Prometheus looks at once.
        let new = file.with_extension("new");
        fs::write(&new, targets.to_string())?;
        fs::rename(&new, &file)?;
        self.announced = Some(Announced(file));
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl View for Exposed {
    fn second(&mut self, outline: &Outline, record: &Record, moment: &Moment) {
        let total = self
            .total
            .get_or_insert_with(|| Record::new(outline.steps.len()));
        total.merge(record);
        let text = render(outline, total, moment.busy);
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }
}

fn render(outline: &Outline, total: &Record, busy: f64) -> String {
    let mut page = Page(String::new());
    let scenario = outline.scenario.as_deref().unwrap_or("");
    page.head(&RUN);
    page.sample(
        RUN.name,
        &[("scenario", scenario), ("target", &outline.target)],
        1.0,
    );
    for (metric, value) in [
        (&INTENDED, total.intended),
        (&UNSENT, total.unsent),
        (&CONNECTIONS, total.opened),
    ] {
        page.head(metric);
        page.count(metric.name, &[], value);
    }
    page.head(&BUSY);
    page.sample(BUSY.name, &[], busy);
    page.head(&REQUESTS);
    let rows = || outline.steps.iter().zip(&total.steps);
    for (about, step) in rows() {
        let good = step.answered - step.unexpected;
        for (status, count) in [("success", good), ("error", step.errors())] {
            page.count(
                REQUESTS.name,
                &[("step", &about.name), ("status", status)],
                count,
            );
        }
    }
    type Of = fn(&StepRecord) -> &Histogram<u64>;
    let corrected: Of = |step| &step.corrected;
    let service: Of = |step| &step.service;
    for (metric, of) in [(&DURATION, corrected), (&SERVICE, service)] {
        page.head(metric);
        for (about, step) in rows() {
            page.histogram(metric.name, &[("step", &about.name)], of(step));
        }
    }
    page.head(&LATENESS);
    page.histogram(LATENESS.name, &[], &total.lateness);
    page.0
}

/// The text that Prometheus reads. Writing to a String cannot fail.
struct Page(String);

impl Page {
    fn head(&mut self, metric: &Metric) {
        let Metric {
            name, kind, help, ..
        } = metric;
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    fn count(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.sample(name, labels, value as f64);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let _ = match labels.is_empty() {
            true => writeln!(self.0, "{name} {value}"),
            false => writeln!(self.0, "{name}{{{}}} {value}", labels.join(",")),
        };
    }

    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], of: &Histogram<u64>) {
        let mut counts = [0; BUCKETS.len()];
        let mut sum = 0.0;
        for bucket in of.iter_recorded() {
            #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
            let seconds = bucket.value_iterated_to() as f64 / 1e9;
            #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
            let times = bucket.count_at_value() as f64;
            sum += seconds * times;
            let at = BUCKETS.partition_point(|bound| *bound < seconds);
            if let Some(count) = counts.get_mut(at) {
                *count += bucket.count_at_value();
            }
        }
        let mut below = 0;
        for (bound, count) in BUCKETS.iter().zip(counts) {
            below += count;
            let bound = bound.to_string();
            let labels: Vec<_> = labels
                .iter()
                .copied()
                .chain([("le", bound.as_str())])
                .collect();
            self.count(&format!("{name}_bucket"), &labels, below);
        }
        let labels_and_all: Vec<_> = labels.iter().copied().chain([("le", "+Inf")]).collect();
        self.count(&format!("{name}_bucket"), &labels_and_all, of.len());
        self.sample(&format!("{name}_sum"), labels, sum);
        self.count(&format!("{name}_count"), labels, of.len());
    }
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_exposed() {
        let outline = crate::outline::tests::single("http://127.0.0.1:1/\"x\"", 10);
        let mut record = Record::new(1);
        record.intended = 3;
        for (nanoseconds, status) in [(2_000_000, 200), (90_000_000, 200), (20_000_000_000, 500)] {
            record.steps[0].took(nanoseconds, nanoseconds / 2);
            record.steps[0].answered(status, 2, status == 200);
        }
        let text = render(&outline, &record, 0.5);
        for line in [
            "loadtest_intended_total 3",
            "loadtest_requests_total{step=\"GET /\",status=\"success\"} 2",
            "loadtest_requests_total{step=\"GET /\",status=\"error\"} 1",
            "loadtest_request_duration_seconds_bucket{step=\"GET /\",le=\"0.0025\"} 1",
            "loadtest_request_duration_seconds_bucket{step=\"GET /\",le=\"0.1\"} 2",
            "loadtest_request_duration_seconds_bucket{step=\"GET /\",le=\"10\"} 2",
            "loadtest_request_duration_seconds_bucket{step=\"GET /\",le=\"+Inf\"} 3",
            "loadtest_request_duration_seconds_count{step=\"GET /\"} 3",
            "loadtest_run_info{scenario=\"\",target=\"http://127.0.0.1:1/\\\"x\\\"\"} 1",
            "loadtest_busy_ratio 0.5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        for metric in CATALOGUE {
            assert!(text.contains(&format!("# TYPE {} {}\n", metric.name, metric.kind)));
        }
    }
}
