//! Outgoing HTTP: a client span, and the headers that continue the trace.

use reqwest::{Client, RequestBuilder, Response};

use super::request_id::X_REQUEST_ID;
use crate::semconv;
use crate::trace::{SpanKind, current, span};

/// Sends `request` within a client span named after the method and `route` (a
/// template, never a path with ids), with `traceparent` and the request id of
/// the current context.
///
/// # Errors
/// Whatever `reqwest` says; the span is marked with its class. A status of 400
/// and above is a failed span, but no error here.
pub async fn send(
    client: &Client,
    request: RequestBuilder,
    route: &'static str,
) -> reqwest::Result<Response> {
    let mut request = request.build()?;
    let mut span = span(format!("{} {route}", request.method()))
        .kind(SpanKind::Client)
        .attribute(semconv::HTTP_REQUEST_METHOD, request.method().as_str())
        .attribute(semconv::HTTP_ROUTE, route)
        .attribute(
            semconv::SERVER_ADDRESS,
            request.url().host_str().unwrap_or_default(),
        )
        .start();
    let headers = request.headers_mut();
    if let Ok(value) = span.context().traceparent().parse() {
        headers.insert("traceparent", value);
    }
    if let Some(request_id) = current().and_then(|context| context.request_id) {
        headers.insert(X_REQUEST_ID, request_id.header());
    }
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place that may: what is banned elsewhere comes here"
    )]
    let result = span.scope(client.execute(request)).await;
    match &result {
        Ok(response) => {
            let status = response.status();
            span.set(
                semconv::HTTP_RESPONSE_STATUS_CODE,
                i64::from(status.as_u16()),
            );
            if status.is_client_error() || status.is_server_error() {
                span.error(status.as_str().to_owned());
            }
        }
        Err(error) if error.is_timeout() => span.error("timeout"),
        Err(error) if error.is_connect() => span.error("connect"),
        Err(_) => span.error("transport"),
    }
    result
}
