//! The Collector, and where it brings traces and logs.
//! infra/native/README.md has the same as commands.

use anyhow::Result;

use super::super::plan::{COLLECTOR, JAEGER, LOKI};
use super::Doors;
use super::ahead::{Ahead, Site, Start, answers, at, url};
use crate::backing::Port;
use crate::tools::Found;

impl Site<'_> {
    pub(super) fn collector(self, found: Found, http: Port, doors: &Doors) -> Result<Ahead> {
        let pick = |port| self.ports.pick(port);
        let (grpc, metrics, spans) = (pick(4317)?, pick(8888)?, pick(8890)?);
        let health = doors.collector_health;
        let start = Start {
            name: COLLECTOR,
            found,
            arguments: vec!["--config".into(), self.config("otel-collector")],
            environment: vec![
                ("OTLP_GRPC_ENDPOINT", grpc.address().to_string()),
                ("OTLP_HTTP_ENDPOINT", http.address().to_string()),
                (
                    "JAEGER_OTLP_ENDPOINT",
                    doors.jaeger_intake.address().to_string(),
                ),
                ("LOKI_OTLP_ENDPOINT", format!("{}/otlp", url(doors.loki))),
                ("SPAN_METRICS_ENDPOINT", spans.address().to_string()),
                ("OTELCOL_METRICS_HOST", metrics.address().ip().to_string()),
                ("OTELCOL_METRICS_PORT", metrics.number.to_string()),
                ("OTELCOL_HEALTH_ENDPOINT", health.address().to_string()),
            ],
            ready: answers(health, "/")?,
        };
        let targets = vec![(COLLECTOR, at(metrics)), ("span-metrics", at(spans))];
        let address = format!("{} (OTLP)", url(http));
        let ports = vec![http, grpc, health, metrics, spans];
        Ok(self.ahead(start, address, ports, targets))
    }

    pub(super) fn jaeger(self, found: Found, query: Port, doors: &Doors) -> Result<Ahead> {
        let pick = |port| self.ports.pick(port);
        let (grpc, health, metrics) = (pick(16685)?, pick(13134)?, pick(8889)?);
        let intake = doors.jaeger_intake;
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
                ("JAEGER_PROMETHEUS_URL", url(doors.prometheus)),
            ],
            ready: answers(health, "/status")?,
        };
        let ports = vec![query, grpc, health, metrics, intake];
        Ok(self.ahead(start, url(query), ports, vec![(JAEGER, at(metrics))]))
    }

    pub(super) fn loki(self, found: Found, doors: &Doors) -> Result<Ahead> {
        let (port, grpc) = (doors.loki, self.ports.pick(9096)?);
        let rules = self.project.join("alerts/loki");
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
                ("LOKI_RULES_DIR", rules.display().to_string()),
                ("LOKI_ALERTMANAGER_URL", url(doors.alertmanager)),
            ],
            ready: answers(port, "/ready")?,
        };
        Ok(self.ahead(start, url(port), vec![port, grpc], vec![(LOKI, at(port))]))
    }
}
