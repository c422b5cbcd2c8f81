use std::sync::Arc;

use chrono::{SecondsFormat, Utc};
use serde::Serialize;

use super::{Check, Kind, State};

/// Everything known about the service's health.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) status: &'static str,
    pub(crate) ready: bool,
    pub(crate) version: &'static str,
    pub(crate) timestamp: String,
    pub(crate) blockers: Vec<&'static str>,
    pub(crate) components: Vec<Component>,
}

/// One dependency.
#[derive(Serialize)]
pub(crate) struct Component {
    pub(crate) name: &'static str,
    pub(crate) status: &'static str,
    pub(crate) critical: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failing_for_seconds: Option<f64>,
}

impl Report {
    pub(super) fn new(
        version: &'static str,
        blockers: Vec<&'static str>,
        checks: &[Arc<Check>],
    ) -> Self {
        let components: Vec<_> = checks.iter().map(|check| Component::new(check)).collect();
        let any = |status| {
            components
                .iter()
                .any(|component| component.status == status)
        };
        let status = if any("unhealthy") {
            "unhealthy"
        } else if any("degraded") || !blockers.is_empty() {
            "degraded"
        } else {
            "healthy"
        };
        Self {
            status,
            ready: blockers.is_empty(),
            version,
            timestamp: now(),
            blockers,
            components,
        }
    }
}

impl Component {
    fn new(check: &Check) -> Self {
        let mut component = Self {
            name: check.name,
            status: "unknown",
            critical: check.kind == Kind::Critical,
            latency_ms: None,
            error: None,
            failing_for_seconds: None,
        };
        match check.state() {
            State::Unknown => {}
            State::Healthy { latency } => {
                component.status = "healthy";
                component.latency_ms = Some(latency.as_secs_f64() * 1e3);
            }
            State::Failing { error, since } => {
                component.status = if component.critical {
                    "unhealthy"
                } else {
                    "degraded"
                };
                component.error = Some(error);
                component.failing_for_seconds = Some(since.elapsed().as_secs_f64());
            }
        }
        component
    }
}

/// The time as every answer shows it.
pub(crate) fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}
