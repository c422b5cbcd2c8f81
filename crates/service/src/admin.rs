//! The admin port: probes, metrics, log level, profiles. It runs on a thread of
//! its own, so that its answers do not wait for the workers.

use std::{net::SocketAddr, thread};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::header;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{net::TcpListener, runtime::Handle};
use tokio_util::sync::CancellationToken;

use crate::{
    BoxError, Health, KafkaProbe,
    http::{Json, Limits, Path, accept, detailed, probes, ready, startup},
    problem::{FieldError, Problem},
    profile,
};

/// A thread with a small runtime, for everything that must not wait behind the
/// service's work: the admin server, background checks, signals.
pub(crate) struct AdminThread {
    handle: Handle,
    stop: CancellationToken,
    thread: Option<thread::JoinHandle<()>>,
}

impl AdminThread {
    pub(crate) fn start() -> Result<Self, BoxError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = thread::Builder::new()
            .name("admin".to_owned())
            .spawn(move || runtime.block_on(stopped.cancelled()))?;
        Ok(Self {
            handle,
            stop,
            thread: Some(thread),
        })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for AdminThread {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // It only ends by panicking if a task of ours did, which was logged.
            let _ = thread.join();
        }
    }
}

/// What the admin port tells about.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) health: Health,
    pub(crate) kafka: KafkaProbe,
    pub(crate) telemetry: telemetry::Telemetry,
}

impl Admin {
    /// Binds the port and serves it until the thread ends.
    pub(crate) async fn serve(self, address: SocketAddr) -> Result<SocketAddr, BoxError> {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            format!("cannot listen on {address} (ADMIN_LISTEN_ADDRESS): {error}")
        })?;
        let address = listener.local_addr()?;
        let limits = Limits {
            connections: 256,
            gauge: None,
        };
        let router = self.router();
        tokio::spawn(async move {
            accept(&listener, router, limits, CancellationToken::new()).await;
        });
        Ok(address)
    }

    fn router(self) -> Router {
        let health = self.health.clone();
        let own = |answer: fn(&Health) -> Response| {
            let health = health.clone();
            get(move || async move { answer(&health) })
        };
        Router::new()
            .route("/metrics", get(metrics))
            .route("/health/startup", own(startup))
            .route("/health/detailed", own(detailed))
            .route("/health/kafka", get(kafka))
            .route("/health/topic/{topic}", get(topic))
            .route("/log-level", get(log_level).put(set_log_level))
            .route("/debug/pprof/profile", get(profile::profile))
            .fallback(|| async { Problem::not_found("There is nothing at this path") })
            .with_state(self)
            .merge(probes(&health, ready))
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    let content_type = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (content_type, admin.telemetry.render()).into_response()
}

async fn kafka(State(admin): State<Admin>) -> Result<Response, Problem> {
    let cluster = admin.kafka.brokers().await.map_err(no_broker)?;
    Ok(Json(json!({ "status": "healthy", "brokers": cluster.brokers })).into_response())
}

async fn topic(State(admin): State<Admin>, Path(name): Path<String>) -> Result<Response, Problem> {
    let topic = admin.kafka.topic(&name).await.map_err(no_broker)?;
    let topic = topic.ok_or_else(|| Problem::not_found("The brokers know no such topic"))?;
    let leaderless = topic
        .partitions
        .iter()
        .filter(|partition| partition.leader < 0)
        .count();
    let under_replicated = topic
        .partitions
        .iter()
        .filter(|partition| partition.in_sync_replicas.len() < partition.replicas.len())
        .count();
    let status = match (leaderless, under_replicated) {
        (0, 0) => "healthy",
        (0, _) => "degraded",
        _ => "unhealthy",
    };
    Ok(Json(json!({
        "status": status,
        "topic": topic.name,
        "partition_count": topic.partitions.len(),
        "under_replicated": under_replicated,
        "partitions": topic.partitions,
    }))
    .into_response())
}

fn no_broker(error: String) -> Problem {
    Problem::unavailable("kafka_unavailable", error)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogLevel {
    level: String,
}

async fn log_level(State(admin): State<Admin>) -> Json<LogLevel> {
    Json(LogLevel {
        level: admin.telemetry.level().to_string(),
    })
}

async fn set_log_level(
    State(admin): State<Admin>,
    Json(wish): Json<LogLevel>,
) -> Result<Json<LogLevel>, Problem> {
    let level: telemetry::Level = wish.level.parse().map_err(|expected: String| {
        Problem::invalid(vec![FieldError::new("level", "unknown_value", expected)])
    })?;
    admin.telemetry.set_level(level);
    tracing::warn!(level = %level, "log_level_changed");
    Ok(log_level(State(admin)).await)
}
