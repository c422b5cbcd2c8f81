//! One start, one guard that flushes.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::export::{Exporter, ExporterError};
use crate::logs::{JsonSubscriber, Level, Levels, Sink};
use crate::metrics::{BUILD_INFO, CATALOGUE, Kind, Metric};
use crate::trace::{Sampler, Tracer};
use crate::{clock, database, metrics, runtime, semconv, trace};

/// What [`Telemetry::init`] needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The service's name, e.g. `todo-api`.
    pub service: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The revision it was built from; `unknown` if nobody said.
    pub revision: String,
    /// Where it runs (`demo`, `production`, …).
    pub environment: String,
    /// Up to which level it logs.
    pub level: Level,
    /// A file that gets the log lines too, rotated at 10 MB, five kept.
    pub log_file: Option<PathBuf>,
    /// The base URL of an OTLP/HTTP receiver; none: traces and log records are
    /// not exported.
    pub otlp_endpoint: Option<String>,
    /// Which traces are recorded.
    pub sampler: Sampler,
    /// From which duration on a query logs `slow_query`.
    pub slow_query: Duration,
    /// Whether metrics are recorded; switched off only to measure their cost.
    pub metrics: bool,
}

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The OTLP exporter could not be made.
    #[error(transparent)]
    Exporter(#[from] ExporterError),
    /// Histogram buckets were refused.
    #[error("metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// The thread that writes log lines could not be started.
    #[error("log writer: {0}")]
    LogWriter(#[from] std::io::Error),
    /// This process has a telemetry already.
    #[error("telemetry is already installed in this process")]
    AlreadyInstalled,
}

/// The running telemetry of a process. Cheap to clone; every way out of the
/// process must call [`Telemetry::flush`].
#[derive(Clone)]
pub struct Telemetry {
    prometheus: PrometheusHandle,
    process: metrics_process::Collector,
    levels: Levels,
    sink: Arc<Sink>,
    exporter: Option<Arc<Exporter>>,
    recording: bool,
}

impl Telemetry {
    /// Installs metrics, logs and traces for this process and starts every
    /// series of `catalogues` whose labels are known at zero.
    ///
    /// # Errors
    /// If an exporter cannot be made, or telemetry is installed already. A
    /// receiver that is down is no error.
    pub fn init(settings: Settings, catalogues: &[&[&Metric]]) -> Result<Self, InitError> {
        let all = || {
            CATALOGUE
                .iter()
                .chain(catalogues.iter().flat_map(|catalogue| catalogue.iter()))
        };
        let mut builder = PrometheusBuilder::new();
        for metric in all() {
            if let Kind::Histogram(buckets) = metric.kind {
                builder = builder
                    .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)?;
            }
        }
        let recorder = builder.build_recorder();
        let prometheus = recorder.handle();
        if settings.metrics {
            ::metrics::set_global_recorder(recorder).map_err(|_| InitError::AlreadyInstalled)?;
        }
        for metric in all() {
            metric.register();
        }
        BUILD_INFO
            .gauge_handle(&[settings.version, &settings.revision])
            .set(1.0);
        database::set_slow(settings.slow_query);

        clock::anchor();
        let resource = [
            (semconv::SERVICE_NAME, settings.service),
            (semconv::SERVICE_VERSION, settings.version),
            (semconv::DEPLOYMENT_ENVIRONMENT_NAME, &settings.environment),
        ];
        let exporter = settings
            .otlp_endpoint
            .as_deref()
            .map(|endpoint| Exporter::start(endpoint, &resource).map(Arc::new))
            .transpose()?;
        trace::install(Tracer {
            sampler: settings.sampler,
            spans: exporter
                .as_ref()
                .map(|exporter| Arc::clone(&exporter.spans)),
        });

        let levels = Levels::new(settings.level);
        let sink = Sink::start(settings.log_file)?;
        let subscriber = JsonSubscriber::new(
            settings.service,
            settings.version,
            levels.clone(),
            Arc::clone(&sink),
            exporter.as_ref().map(|exporter| Arc::clone(&exporter.logs)),
        );
        tracing::subscriber::set_global_default(subscriber)
            .map_err(|_| InitError::AlreadyInstalled)?;

        let process = metrics_process::Collector::default();
        if settings.metrics {
            process.describe();
        }
        let telemetry = Self {
            prometheus,
            process,
            levels,
            sink,
            exporter,
            recording: settings.metrics,
        };
        telemetry.log_panics();
        Ok(telemetry)
    }

    /// Publishes the figures of the runtime that calls, and keeps the metrics'
    /// memory bounded when nobody scrapes.
    pub fn observe_runtime(&self) {
        runtime::observe();
        let prometheus = self.prometheus.clone();
        tokio::spawn(async move {
            let mut every = tokio::time::interval(Duration::from_secs(5));
            loop {
                every.tick().await;
                prometheus.run_upkeep();
            }
        });
    }

    /// All metrics in the Prometheus text format.
    pub fn render(&self) -> String {
        if self.recording {
            self.process.collect();
            metrics::refresh();
        }
        self.prometheus.render()
    }

    /// The present log level.
    pub fn level(&self) -> Level {
        self.levels.get()
    }

    /// Changes the log level of the running process.
    pub fn set_level(&self, level: Level) {
        self.levels.set(level);
        tracing::callsite::rebuild_interest_cache();
    }

    /// Writes the log lines and sends spans and records that still wait; gives
    /// up after `timeout`. It blocks: call it from outside the runtime or from
    /// a blocking thread.
    pub fn flush(&self, timeout: Duration) {
        self.sink.flush(timeout);
        if let Some(exporter) = &self.exporter {
            exporter.flush(timeout);
        }
    }

    /// A panic is logged (without its message, which may hold data) and
    /// flushed before the default hook prints it.
    fn log_panics(&self) {
        static HOOKED: OnceLock<()> = OnceLock::new();
        if HOOKED.set(()).is_err() {
            return;
        }
        let telemetry = self.clone();
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let location = panic.location().map(ToString::to_string);
            crate::critical!(location, "panic");
            telemetry.sink.flush(Duration::from_millis(200));
            default(panic);
        }));
    }
}
