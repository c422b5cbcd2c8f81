//! `glasshouse load`: where the running system is, for the load generator.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use loadtest::Link;
use loadtest::load::{Found, Load};

use crate::state::{RunState, StateFile};
use crate::up;

/// The parts that scenarios know, and where compose publishes them.
const TARGETS: [(&str, &str); 3] = [
    ("todo-api", "http://127.0.0.1:8001"),
    ("chat-gateway", "http://127.0.0.1:8002"),
    ("kafka", "127.0.0.1:19092"),
];

/// What else compose publishes.
const GRAFANA: &str = "http://127.0.0.1:3000";
const PROMETHEUS: &str = "http://127.0.0.1:9090";
const JAEGER: &str = "http://127.0.0.1:16686";

/// For one that is there: it is on this machine.
const PATIENCE: Duration = Duration::from_millis(200);

/// What the services say of a run, as queries of Prometheus in a URL.
const PANELS: [(&str, &str); 2] = [
    (
        "requests of the services",
        "sum%20by%20(job%2C%20status)%20(rate(http_requests_total%5B30s%5D))",
    ),
    (
        "their p95",
        "histogram_quantile(0.95%2C%20sum%20by%20(job%2C%20le)%20(rate(http_request_duration_seconds_bucket%5B30s%5D)))",
    ),
];

/// Runs a scenario against the system of this folder, or else against the ports
/// that compose publishes.
///
/// # Errors
/// When the run cannot begin.
pub async fn run(home: Result<PathBuf>, load: Load) -> Result<ExitCode> {
    load.run(async || found(home)).await
}

fn found(home: Result<PathBuf>) -> Found {
    let home = home.ok();
    let state = |home: &PathBuf| StateFile::in_folder(home).load();
    let run = home.as_ref().and_then(state).filter(RunState::is_alive);
    match (run, home) {
        (Some(run), Some(home)) => native(&run, &home),
        _ => compose(answers),
    }
}

/// What `glasshouse up` has started. A part of it that is not there is not looked
/// for elsewhere.
fn native(run: &RunState, home: &Path) -> Found {
    let target = |(name, _): (&str, &str)| {
        let address = run.address(name)?;
        Some((name.to_owned(), address.to_owned()))
    };
    let prometheus = run.address("prometheus");
    let jaeger = run.address("jaeger");
    Found {
        targets: TARGETS.into_iter().filter_map(target).collect(),
        links: prometheus.map(panels).unwrap_or_default(),
        scraped: prometheus.map(|_| up::targets_of(home, "load")),
        // The Jaeger of the native mode answers its API and has no pages.
        traces_at: jaeger.map(|address| format!("{address}/api/traces/")),
    }
}

/// What compose publishes: the targets, and of the rest what answers.
fn compose(answers: impl Fn(&str) -> bool) -> Found {
    let mut links = Vec::new();
    if answers(GRAFANA) {
        links.push(Link {
            name: "Grafana: Overview".to_owned(),
            url: format!("{GRAFANA}/d/glasshouse-overview"),
        });
    }
    if answers(PROMETHEUS) {
        links.extend(panels(PROMETHEUS));
    }
    let target = |(name, address): (&str, &str)| (name.to_owned(), address.to_owned());
    Found {
        targets: TARGETS.into_iter().map(target).collect(),
        links,
        scraped: None,
        traces_at: answers(JAEGER).then(|| format!("{JAEGER}/trace/")),
    }
}

fn panels(prometheus: &str) -> Vec<Link> {
    let link = |(name, path): (&str, &str)| Link {
        name: format!("Prometheus: {name}"),
        url: format!("{prometheus}/graph?g0.tab=0&g0.range_input=15m&g0.expr={path}"),
    };
    PANELS.into_iter().map(link).collect()
}

/// Whether anybody accepts a connection there.
fn answers(url: &str) -> bool {
    let address = url.trim_start_matches("http://").parse::<SocketAddr>();
    address.is_ok_and(|address| TcpStream::connect_timeout(&address, PATIENCE).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_run_the_ports_of_compose_are_taken() {
        let nobody = compose(|_| false);
        assert_eq!(nobody.targets["kafka"], "127.0.0.1:19092");
        assert_eq!(nobody.targets.len(), TARGETS.len());
        assert!(nobody.links.is_empty() && nobody.traces_at.is_none());
        let all = compose(|_| true);
        assert_eq!(all.links.len(), 1 + PANELS.len());
        let jaeger = all.traces_at.expect("Jaeger answers");
        assert_eq!(jaeger, "http://127.0.0.1:16686/trace/");
    }

    #[test]
    fn compose_publishes_them() {
        let file = include_str!("../../../../docker-compose.yml");
        let pages = [
            ("grafana", GRAFANA),
            ("prometheus", PROMETHEUS),
            ("jaeger", JAEGER),
        ];
        for (name, address) in TARGETS.into_iter().chain(pages) {
            let port = address.rsplit(':').next().unwrap_or_default();
            let published = format!(":-{port}}}:{port}\"");
            assert!(file.contains(&published), "{name}: {published}");
        }
    }
}
