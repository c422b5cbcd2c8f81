//! How each of them is started; infra/native/README.md has the same as commands.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use super::super::plan::{COLLECTOR, JAEGER, LOKI, PROMETHEUS};
use crate::backing::{Place, Port, Ports};
use crate::supervise::{Ready, Spec};
use crate::tools::Found;

/// One about to be started.
pub(in crate::up) struct Ahead {
    pub name: &'static str,
    pub version: String,
    pub spec: Spec,
    /// What people and programs reach it by.
    pub address: String,
    pub ports: Vec<Port>,
    /// Whom Prometheus is to scrape for it.
    pub targets: Vec<(&'static str, Port)>,
}

/// Where they are started.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub place: &'a Place,
    pub project: &'a Path,
    pub ports: &'a Ports,
}

/// What to run, and what to ask whether it is ready.
struct Start<'a> {
    name: &'static str,
    found: Found,
    arguments: Vec<String>,
    environment: Vec<(&'a str, String)>,
    ready: String,
}

impl Site<'_> {
    pub(super) fn prometheus(self, found: Found, port: Port) -> Result<Ahead> {
        let folder = self.place.folder("prometheus")?;
        let config = folder.join("prometheus.yml");
        // A copy, as it looks for targets beside its configuration.
        let source = self.project.join("infra/prometheus/prometheus.yml");
        fs::copy(&source, &config).with_context(|| source.display().to_string())?;
        copy_rules(&self.project.join("alerts/rules"), &folder.join("rules"))?;
        let start = Start {
            name: PROMETHEUS,
            found,
            arguments: vec![
                format!("--config.file={}", config.display()),
                format!("--storage.tsdb.path={}", folder.join("data").display()),
                format!("--web.listen-address={}", port.address()),
                "--enable-feature=exemplar-storage".to_owned(),
                "--storage.tsdb.retention.time=15d".to_owned(),
                "--log.level=warn".to_owned(),
            ],
            environment: Vec::new(),
            ready: format!("{}/-/ready", url(port)),
        };
        self.ahead(start, url(port), vec![port], vec![("prometheus", port)])
    }

    pub(super) fn collector(
        self,
        found: Found,
        http: Port,
        jaeger: Port,
        loki: Port,
    ) -> Result<Ahead> {
        let pick = |port| self.ports.pick(port);
        let (grpc, health, metrics, spans) = (pick(4317)?, pick(13133)?, pick(8888)?, pick(8890)?);
        let start = Start {
            name: COLLECTOR,
            found,
            arguments: vec!["--config".into(), self.config("otel-collector")],
            environment: vec![
                ("OTLP_GRPC_ENDPOINT", grpc.address().to_string()),
                ("OTLP_HTTP_ENDPOINT", http.address().to_string()),
                ("JAEGER_OTLP_ENDPOINT", jaeger.address().to_string()),
                ("LOKI_OTLP_ENDPOINT", format!("{}/otlp", url(loki))),
                ("SPAN_METRICS_ENDPOINT", spans.address().to_string()),
                ("OTELCOL_METRICS_HOST", metrics.address().ip().to_string()),
                ("OTELCOL_METRICS_PORT", metrics.number.to_string()),
                ("OTELCOL_HEALTH_ENDPOINT", health.address().to_string()),
            ],
            ready: url(health),
        };
        let targets = vec![("otel-collector", metrics), ("span-metrics", spans)];
        let address = format!("{} (OTLP)", url(http));
        self.ahead(
            start,
            address,
            vec![http, grpc, health, metrics, spans],
            targets,
        )
    }

    pub(super) fn jaeger(self, found: Found, query: Port, intake: Port) -> Result<Ahead> {
        let pick = |port| self.ports.pick(port);
        let (grpc, health, metrics) = (pick(16685)?, pick(13134)?, pick(8889)?);
        let start = Start {
            name: JAEGER,
            found,
            arguments: vec!["--config".into(), self.config("jaeger")],
            environment: vec![
                ("JAEGER_OTLP_GRPC_ENDPOINT", intake.address().to_string()),
                ("JAEGER_QUERY_HTTP_ENDPOINT", query.address().to_string()),
                ("JAEGER_QUERY_GRPC_ENDPOINT", grpc.address().to_string()),
                ("JAEGER_HEALTH_ENDPOINT", health.address().to_string()),
                ("JAEGER_METRICS_HOST", metrics.address().ip().to_string()),
                ("JAEGER_METRICS_PORT", metrics.number.to_string()),
            ],
            ready: format!("{}/status", url(health)),
        };
        self.ahead(
            start,
            url(query),
            vec![query, grpc, health, metrics, intake],
            vec![("jaeger", metrics)],
        )
    }

    pub(super) fn loki(self, found: Found, port: Port) -> Result<Ahead> {
        let grpc = self.ports.pick(9096)?;
        let start = Start {
            name: LOKI,
            found,
            arguments: vec![
                format!("-config.file={}", self.config("loki")),
                "-config.expand-env=true".into(),
            ],
            environment: vec![
                (
                    "LOKI_DATA_DIR",
                    self.place.folder("loki")?.display().to_string(),
                ),
                ("LOKI_HTTP_HOST", port.address().ip().to_string()),
                ("LOKI_HTTP_PORT", port.number.to_string()),
                ("LOKI_GRPC_PORT", grpc.number.to_string()),
            ],
            ready: format!("{}/ready", url(port)),
        };
        self.ahead(start, url(port), vec![port, grpc], vec![("loki", port)])
    }

    fn config(self, component: &str) -> String {
        let file = self
            .project
            .join("infra")
            .join(component)
            .join("config.yaml");
        file.display().to_string()
    }

    fn ahead(
        self,
        start: Start<'_>,
        address: String,
        ports: Vec<Port>,
        targets: Vec<(&'static str, Port)>,
    ) -> Result<Ahead> {
        let Start {
            name,
            found,
            arguments,
            environment,
            ready,
        } = start;
        let owned = |(name, value): (&str, String)| (name.to_owned(), value);
        let spec = Spec {
            name: name.to_owned(),
            program: found.program,
            arguments,
            environment: environment.into_iter().map(owned).collect(),
            directory: self.project.to_owned(),
            account: None,
            stop_signal: Signal::SIGTERM,
            ready: Ready::Http(ready.parse()?),
            ready_within: Duration::from_secs(30),
        };
        let version = found.version;
        Ok(Ahead {
            name,
            version,
            spec,
            address,
            ports,
            targets,
        })
    }
}

/// The rules as they are now: what an earlier run had is gone.
fn copy_rules(from: &Path, to: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

pub(super) fn url(port: Port) -> String {
    format!("http://{}", port.address())
}
