//! The journey as a synthetic probe: made again and again, with metrics.

pub mod metrics;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use axum::Router;
use axum::routing::get;
use telemetry::{Level, Sampler, Settings, Telemetry};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use url::Url;

use crate::journey::{self, Options};

/// How long a gateway that starts beside the probe may take to open an account.
const ACCOUNT_WITHIN: Duration = Duration::from_secs(60);

/// Makes the journey every so often until it is told to stop, and shows what
/// came of it on `/metrics` of this address.
///
/// The journey is judged by its hops alone: whether telemetry of it was stored
/// is a promise of its own (`glasshouse check`).
///
/// # Errors
/// When the address is taken or no account can be had.
pub async fn run(
    mut options: Options,
    every: Duration,
    listen: SocketAddr,
    new_account: bool,
) -> Result<ExitCode> {
    options.prometheus = None;
    options.jaeger = None;
    options.loki = None;
    let telemetry = Telemetry::init(settings(), &[metrics::CATALOGUE])?;
    telemetry.observe_runtime();
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| listen.to_string())?;
    let shown = telemetry.clone();
    let router = Router::new()
        .route("/metrics", get(move || async move { shown.render() }))
        .route("/health", get(|| async { "ok" }));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let ended = tokio::select! {
        served = axum::serve(listener, router) => served.map_err(anyhow::Error::from),
        made = journeys(&options, every, new_account) => made,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    tokio::task::spawn_blocking(move || telemetry.flush(Duration::from_secs(1))).await?;
    ended.map(|()| ExitCode::SUCCESS)
}

async fn journeys(options: &Options, every: Duration, new_account: bool) -> Result<()> {
    if new_account {
        account(options).await?;
    }
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        once(options).await;
    }
}

async fn account(options: &Options) -> Result<()> {
    let mut ticks = interval(Duration::from_secs(1));
    let opened = async {
        loop {
            ticks.tick().await;
            match journey::register(options).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(error = %format!("{error:#}"), "account_not_opened"),
            }
        }
    };
    tokio::time::timeout(ACCOUNT_WITHIN, opened)
        .await
        .context("the gateway opened no account for the probe")
}

async fn once(options: &Options) {
    let made = journey::run(options).await;
    let failure = match &made {
        Ok(report) => report.failure.clone(),
        Err(error) => Some(format!("{error:#}")),
    };
    if let Ok(report) = &made {
        for hop in &report.hops {
            if let Some(milliseconds) = hop.milliseconds {
                let duration = metrics::HOP_DURATION.histogram_handle(&[hop.name]);
                duration.record(milliseconds / 1e3);
            }
        }
    }
    match failure {
        None => {
            metrics::ARRIVED.increment(1);
            metrics::LAST_ARRIVED.set(1.0);
            let trace_id = made.map(|report| report.trace_id).unwrap_or_default();
            tracing::info!(journey_trace_id = trace_id, "journey_arrived");
        }
        Some(error) => {
            metrics::FAILED.increment(1);
            metrics::LAST_ARRIVED.set(0.0);
            let hop = made.ok().and_then(|report| report.failed_hop());
            tracing::error!(hop, error, "journey_failed");
        }
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    metrics::LAST_ENDED.set(now.unwrap_or_default().as_secs_f64());
}

/// Asks a probe on this machine whether it runs: a container's health check.
///
/// # Errors
/// When it does not answer.
pub async fn health(listen: SocketAddr) -> Result<ExitCode> {
    let mut url = Url::parse("http://127.0.0.1/health")?;
    if url.set_port(Some(listen.port())).is_err() {
        anyhow::bail!("{listen} has no port");
    }
    let (status, _) = crate::http::get(&url).await?;
    Ok(if status == 200 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Its own traces would bury those of the journeys, so nothing is exported.
fn settings() -> Settings {
    Settings {
        service: "journey",
        version: env!("CARGO_PKG_VERSION"),
        revision: std::env::var("REVISION").unwrap_or_else(|_| "unknown".to_owned()),
        environment: std::env::var("ENVIRONMENT").unwrap_or_else(|_| "development".to_owned()),
        level: Level::Info,
        log_file: None,
        otlp_endpoint: None,
        sampler: Sampler::default(),
        slow_query: Duration::from_secs(1),
        metrics: true,
    }
}
