//! One request, and what the receiver says to it.

use prost::Message;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Body, Client, Method, Url};

use crate::otlp::Request;

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
/// More than this of an answer is not read.
const MAX_ANSWER: usize = 64 << 10;

/// `ExportTraceServiceResponse`, and of the same shape that of logs.
#[derive(Message)]
struct Answer {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
}

/// Where one signal goes.
pub(super) struct Target {
    client: Client,
    url: Url,
}

impl Target {
    pub(super) fn new(client: &Client, url: &str) -> reqwest::Result<Self> {
        let url = client.post(url).build()?.url().clone();
        Ok(Self {
            client: client.clone(),
            url,
        })
    }

    /// Sends a request; how many of its records were refused. `None`: all.
    pub(super) async fn post(&self, request: Request) -> Option<u64> {
        let request = self
            .client
            .request(Method::POST, self.url.clone())
            .header(CONTENT_TYPE, PROTOBUF)
            .body(Body::wrap(request))
            .build()
            .ok()?;
        #[allow(
            clippy::disallowed_methods,
            reason = "exporting must not make spans of its own"
        )]
        let mut response = self.client.execute(request).await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        let mut body = Vec::new();
        // Reading to the end lets the connection be used again.
        while let Ok(Some(chunk)) = response.chunk().await {
            if body.len() + chunk.len() > MAX_ANSWER {
                break;
            }
            body.extend_from_slice(&chunk);
        }
        let refused = Answer::decode(body.as_slice())
            .ok()
            .and_then(|answer| answer.partial_success)
            .map_or(0, |partial| partial.rejected.max(0).unsigned_abs());
        Some(refused)
    }
}
