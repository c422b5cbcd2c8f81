//! The server layer: span, metrics, request id and log lines of every request.

use std::future::Future;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context as TaskContext, Poll, ready};
use std::time::{Duration, Instant};

use ::http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use axum::extract::MatchedPath;
use http_body::Body;
use metrics::Gauge;
use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;
use tower_layer::Layer;
use tower_service::Service;
use tracing::{debug, error, info, warn};

use super::request_id::{self, X_REQUEST_ID};
use super::routes::{self, Route, UNMATCHED};
use crate::clock::milliseconds;
use crate::metrics::HTTP_REQUESTS_ACTIVE;
use crate::semconv;
use crate::trace::context::CURRENT;
use crate::trace::{Context, RequestId, Span};

const X_RESPONSE_TIME: HeaderName = HeaderName::from_static("x-response-time");
const X_DEBUG: HeaderName = HeaderName::from_static("x-debug");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

static ACTIVE: LazyLock<Gauge> = LazyLock::new(|| HTTP_REQUESTS_ACTIVE.gauge_handle(&[]));

/// Instruments a router: `router.layer(ServerLayer::new(slow))`. It must wrap
/// the router from inside (`Router::layer`), where the matched path is known.
#[derive(Clone, Copy, Debug)]
pub struct ServerLayer {
    slow: Duration,
}

impl ServerLayer {
    /// Requests slower than `slow` log a `slow_request` warning.
    pub fn new(slow: Duration) -> Self {
        Self { slow }
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = Server<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Server {
            inner,
            slow: self.slow,
        }
    }
}

/// What [`ServerLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct Server<S> {
    inner: S,
    slow: Duration,
}

impl<S, B, R> Service<Request<B>> for Server<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Instrumented<S::Future>;

    fn poll_ready(&mut self, task: &mut TaskContext<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let record = Record::begin(&request, self.slow);
        let context = record.span.context().clone();
        let future = CURRENT.sync_scope(context.clone(), || {
            debug!(
                method = record.route.method,
                endpoint = record.route.endpoint,
                "request_started"
            );
            self.inner.call(request)
        });
        Instrumented {
            future: CURRENT.scope(context, future),
            record: Some(record),
        }
    }
}

pin_project! {
    /// The future of an instrumented request.
    pub struct Instrumented<F> {
        #[pin]
        future: TaskLocalFuture<Context, F>,
        record: Option<Record>,
    }
}

impl<F, R, E> Future for Instrumented<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut result = ready!(this.future.poll(task));
        if let (Ok(response), Some(record)) = (&mut result, this.record.take()) {
            record.finish(response);
        }
        Poll::Ready(result)
    }
}

/// A request in flight. Dropped unfinished (the client went away), it counts
/// as status 499.
struct Record {
    span: Span,
    route: Arc<Route>,
    request_id: RequestId,
    slow: Duration,
    finished: bool,
}

impl Record {
    fn begin<B>(request: &Request<B>, slow: Duration) -> Self {
        let headers = request.headers();
        let matched = request.extensions().get::<MatchedPath>();
        let route = routes::route(
            request.method(),
            matched.map_or(UNMATCHED, MatchedPath::as_str),
        );
        if let Some(length) = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u32>().ok())
        {
            route.request_size.record(f64::from(length));
        }
        let parent = headers
            .get(&TRACEPARENT)
            .and_then(|value| value.to_str().ok())
            .and_then(Context::parse);
        let request_id = request_id::accept_or_make(headers);
        // A probe every second is no user action: it gets no trace of its own.
        let recorded = parent.is_some() || !is_probe(&route);
        let span = route
            .span
            .span()
            .parent(parent)
            .recorded(recorded)
            .debug(headers.get(&X_DEBUG).is_some_and(|value| value == "true"))
            .request_id(request_id)
            .attribute(semconv::URL_PATH, request.uri().path())
            .start();
        ACTIVE.increment(1.0);
        Self {
            span,
            route,
            request_id,
            slow,
            finished: false,
        }
    }

    fn finish<R: Body>(mut self, response: &mut Response<R>) {
        let elapsed = self.end();
        if let Some(length) = response.body().size_hint().exact() {
            // Sizes beyond 2^52 bytes lose digits, and do not occur.
            self.route.response_size.record(length as f64);
        }
        let headers = response.headers_mut();
        headers.insert(X_REQUEST_ID, self.request_id.header());
        headers.insert(X_RESPONSE_TIME, seconds(elapsed));
        self.complete(response.status(), elapsed);
    }

    /// One reading of the clock for the span's end and all that is told of it.
    fn end(&mut self) -> Duration {
        let ended = Instant::now();
        self.span.ended(ended);
        ended - self.span.started()
    }

    fn complete(&mut self, status: StatusCode, elapsed: Duration) {
        self.finished = true;
        ACTIVE.decrement(1.0);
        self.route.count(status);
        self.route.duration.record(elapsed.as_secs_f64());
        self.span.set(
            semconv::HTTP_RESPONSE_STATUS_CODE,
            i64::from(status.as_u16()),
        );
        if status.is_server_error() {
            self.span.error(status.as_str().to_owned());
        }
        let context = self.span.context().clone();
        CURRENT.sync_scope(context, || self.log(status, elapsed));
    }

    fn log(&self, status: StatusCode, elapsed: Duration) {
        let Route {
            method, endpoint, ..
        } = *self.route;
        let duration_ms = milliseconds(elapsed);
        let status_code = status.as_u16();
        if is_probe(&self.route) {
            // A probe's answer is its news; the transition has been logged.
            debug!(
                method,
                endpoint,
                status = status_code,
                duration_ms,
                "request_completed"
            );
        } else if status.is_server_error() {
            error!(
                method,
                endpoint,
                status = status_code,
                duration_ms,
                "request_failed"
            );
        } else {
            info!(
                method,
                endpoint,
                status = status_code,
                duration_ms,
                "request_completed"
            );
        }
        if elapsed > self.slow {
            warn!(
                method,
                endpoint,
                status = status_code,
                duration_ms,
                "slow_request"
            );
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.finished {
            // 499 is what nginx logs for a client that closed the connection.
            let status = StatusCode::from_u16(499).unwrap_or(StatusCode::REQUEST_TIMEOUT);
            let elapsed = self.end();
            self.complete(status, elapsed);
        }
    }
}

/// Seconds with six digits after the point, for a header.
fn seconds(elapsed: Duration) -> HeaderValue {
    let mut text = [0; 32];
    let mut rest = text.as_mut_slice();
    // 20 digits, a point and six more at most: there is room.
    let _ = write!(rest, "{}.{:06}", elapsed.as_secs(), elapsed.subsec_micros());
    let room = rest.len();
    let written = text.len() - room;
    HeaderValue::from_bytes(&text[..written]).unwrap_or(HeaderValue::from_static("0"))
}

fn is_probe(route: &Route) -> bool {
    route.endpoint.starts_with("/health") || route.endpoint == "/ready"
}
