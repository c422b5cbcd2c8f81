use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, middleware::from_fn_with_state};
use http::StatusCode;
use tokio::sync::Semaphore;
use tower::ServiceBuilder;

use super::{guard::GuardLayer, probes::public_probes, shed::shed};
use crate::{Runtime, problem::Problem};

/// Largest request body: 1 MiB.
const BODY_LIMIT: usize = 1 << 20;

/// Adds what every public port has: spans, metrics and log lines for each
/// request, the deadline, the limits of bodies and of requests at once, probes
/// (which no limit keeps out), and problem documents for paths and methods that
/// do not exist and for handlers that panic.
///
/// Routes added afterwards get none of this.
pub fn standard(router: Router, runtime: &Runtime) -> Router {
    let router = router
        .fallback(|| async { Problem::not_found("There is nothing at this path") })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "This path does not take this method",
            )
        });
    let slots = Arc::new(Semaphore::new(runtime.settings.max_requests));
    with_layers(router.layer(from_fn_with_state(slots, shed)), runtime)
}

/// Answers to everything but probes before there is a database.
pub(crate) fn starting(runtime: &Runtime) -> Router {
    let answer = || async { Problem::unavailable("starting", "The service is still starting") };
    with_layers(Router::new().fallback(answer), runtime)
}

fn with_layers(router: Router, runtime: &Runtime) -> Router {
    let layers = ServiceBuilder::new()
        .layer(telemetry::http::ServerLayer::new(
            runtime.settings.slow_request,
        ))
        .layer(GuardLayer::new(
            runtime.settings.request_deadline,
            runtime.health.clone(),
        ))
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    router.merge(public_probes(&runtime.health)).layer(layers)
}
