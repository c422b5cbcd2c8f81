use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderValue, StatusCode, Version, header};
use tower::{Layer, Service};

use super::unread::Unread;
use crate::{Health, metrics, problem::Problem};

/// Keeps one request from hurting the others: a deadline, a catch for panics,
/// and bodies read to their end before an early error is answered.
#[derive(Clone)]
pub(super) struct GuardLayer {
    deadline: Duration,
    health: Health,
}

impl GuardLayer {
    pub(super) fn new(deadline: Duration, health: Health) -> Self {
        Self { deadline, health }
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard {
            inner,
            deadline: self.deadline,
            health: self.health.clone(),
        }
    }
}

#[derive(Clone)]
pub(super) struct Guard<S> {
    inner: S,
    deadline: Duration,
    health: Health,
}

impl<S, R> Service<Request> for Guard<S>
where
    S: Service<Request, Response = R, Error = Infallible>,
    S::Future: Send + 'static,
    R: IntoResponse,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let deadline = self.deadline;
        let health = self.health.clone();
        let persistent = request.version() <= Version::HTTP_11;
        let (request, unread) = Unread::watch(request);
        let answer = self.inner.call(request);
        Box::pin(async move {
            // Unwind safety: what a panicking handler held is dropped with it;
            // shared state is behind locks that poison or atomics.
            let answer = AssertUnwindSafe(answer).catch_unwind();
            let mut response = match tokio::time::timeout(deadline, answer).await {
                Ok(Ok(Ok(response))) => response.into_response(),
                Ok(Ok(Err(never))) => match never {},
                Ok(Err(_panic)) => panicked(),
                Err(_elapsed) if unread.is_incomplete() => return Ok(stalled()),
                Err(_elapsed) => late(deadline),
            };
            if !response.status().is_success() && !unread.discard().await && persistent {
                // The connection cannot be used again, and the client shall
                // know before it sends its next request on it.
                close(&mut response);
            }
            // Once this service is leaving, clients should go elsewhere with
            // their next request, rather than find the connection closed.
            if persistent
                && health.draining()
                && response.status() != StatusCode::SWITCHING_PROTOCOLS
            {
                close(&mut response);
            }
            Ok(response)
        })
    }
}

fn panicked() -> Response {
    // Where and why is logged by the panic hook. The message of a panic may
    // hold what a user sent, so it is not repeated.
    metrics::PANICS.increment(1);
    tracing::error!("handler_panicked");
    Problem::internal().into_response()
}

/// The body never arrived: the caller's slowness, not ours.
fn stalled() -> Response {
    let problem = Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "body_timeout",
        "The body did not arrive in time",
    );
    let mut response = problem.into_response();
    // What else comes on this connection would be taken for the rest of it.
    close(&mut response);
    response
}

fn close(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
}

fn late(deadline: Duration) -> Response {
    metrics::DEADLINES.increment(1);
    tracing::warn!(
        deadline_ms = deadline.as_millis() as u64,
        "request_deadline_exceeded"
    );
    Problem::new(
        StatusCode::GATEWAY_TIMEOUT,
        "deadline_exceeded",
        "The request took too long",
    )
    .detail("It was given up. A change may have been made nevertheless")
    .into_response()
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, routing::get};
    use tower::ServiceExt;

    use super::*;

    fn router() -> Router {
        router_of(&Health::new("1", tokio::runtime::Handle::current()))
    }

    fn router_of(health: &Health) -> Router {
        Router::new()
            .route(
                "/panic",
                get(|| async {
                    if true {
                        panic!("on purpose")
                    }
                }),
            )
            .route("/late", get(std::future::pending::<()>))
            .route("/", get(|| async { "fine" }))
            .layer(GuardLayer::new(Duration::from_millis(20), health.clone()))
    }

    async fn status(path: &str) -> StatusCode {
        let request = Request::get(path).body(Body::empty()).unwrap();
        router().oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn a_leaving_service_sends_its_clients_away() {
        let health = Health::new("1", tokio::runtime::Handle::current());
        let ask = || router_of(&health).oneshot(Request::get("/").body(Body::empty()).unwrap());
        assert!(
            !ask()
                .await
                .unwrap()
                .headers()
                .contains_key(header::CONNECTION)
        );
        health.drain();
        assert_eq!(ask().await.unwrap().headers()[header::CONNECTION], "close");
    }

    #[tokio::test]
    async fn a_stalled_body_is_the_callers_fault() {
        let endless = futures_util::stream::pending::<Result<bytes::Bytes, axum::Error>>();
        let request = Request::get("/late")
            .body(Body::from_stream(endless))
            .unwrap();
        let response = router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn answers_whatever_the_handler_does() {
        assert_eq!(status("/").await, StatusCode::OK);
        assert_eq!(status("/panic").await, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(status("/late").await, StatusCode::GATEWAY_TIMEOUT);
    }
}
