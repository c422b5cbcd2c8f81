use axum::{Json, Router, response::IntoResponse, response::Response, routing::get};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::Health;

/// Rows 1 to 3 of the health paths, without detail: fit for strangers.
pub(super) fn public_probes(health: &Health) -> Router {
    probes(health, |health| {
        let ready = health.ready();
        let status = if ready { "ready" } else { "not_ready" };
        answer(ready, json!({ "status": status }))
    })
}

/// The paths that both ports have; what readiness tells differs.
pub(crate) fn probes(health: &Health, ready: fn(&Health) -> Response) -> Router {
    let live = |health: Health| move || async move { live(&health) };
    let ready = |health: Health| move || async move { ready(&health) };
    let own = health.clone();
    Router::new()
        .route("/health", get(move || async move { self::health(&own) }))
        .route("/health/live", get(live(health.clone())))
        .route("/health/liveness", get(live(health.clone())))
        .route("/health/ready", get(ready(health.clone())))
        .route("/health/readiness", get(ready(health.clone())))
        .route("/ready", get(ready(health.clone())))
}

/// Status, version and time.
pub(crate) fn health(health: &Health) -> Response {
    let report = health.report();
    let serving = report.status != "unhealthy";
    answer(
        serving,
        json!({ "status": report.status, "version": report.version, "timestamp": report.timestamp }),
    )
}

/// Whether the process makes progress. Asks no dependency: restarting this
/// process would not bring one back.
pub(crate) fn live(health: &Health) -> Response {
    let alive = health.alive();
    answer(
        alive,
        json!({ "status": if alive { "alive" } else { "stuck" } }),
    )
}

/// Whether requests should be sent here, and if not, why.
pub(crate) fn ready(health: &Health) -> Response {
    let blockers = health.blockers();
    let ready = blockers.is_empty();
    let status = if ready { "ready" } else { "not_ready" };
    answer(ready, json!({ "status": status, "failing": blockers }))
}

/// Whether start-up is finished.
pub(crate) fn startup(health: &Health) -> Response {
    let started = health.is_started();
    answer(
        started,
        json!({ "status": if started { "started" } else { "starting" }, "version": health.version() }),
    )
}

/// Every component.
pub(crate) fn detailed(health: &Health) -> Response {
    let report = health.report();
    answer(report.status != "unhealthy", json!(report))
}

fn answer(good: bool, body: serde_json::Value) -> Response {
    let status = if good {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut response = (status, Json(body)).into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
