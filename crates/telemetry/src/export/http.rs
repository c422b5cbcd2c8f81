//! The transport of the exporters, which reads what the receiver refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::http::{Request, Response};
use bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

/// Reads the number of refused items out of a successful answer.
type Rejected = fn(&[u8]) -> u64;

pub(super) fn rejected_spans(body: &[u8]) -> u64 {
    ExportTraceServiceResponse::decode(body)
        .ok()
        .and_then(|response| response.partial_success)
        .map_or(0, |partial| partial.rejected_spans.max(0).unsigned_abs())
}

pub(super) fn rejected_logs(body: &[u8]) -> u64 {
    ExportLogsServiceResponse::decode(body)
        .ok()
        .and_then(|response| response.partial_success)
        .map_or(0, |partial| {
            partial.rejected_log_records.max(0).unsigned_abs()
        })
}

/// An HTTP client that counts what a `partial_success` says was refused.
#[derive(Debug)]
pub(super) struct CountingClient {
    pub(super) inner: reqwest::Client,
    pub(super) read: Rejected,
    pub(super) rejected: Arc<AtomicU64>,
}

#[async_trait::async_trait]
impl HttpClient for CountingClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let response = self.inner.send_bytes(request).await?;
        if response.status().is_success() {
            self.rejected
                .fetch_add((self.read)(response.body()), Ordering::Relaxed);
        }
        Ok(response)
    }
}
