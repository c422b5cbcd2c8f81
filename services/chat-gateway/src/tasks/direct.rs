//! Calls todo-api over HTTP, without a sidecar.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{StatusCode, header};
use futures_util::future::BoxFuture;
use reqwest::{Client, Response};
use serde_json::value::RawValue;
use service::auth::User;
use tokio::time::timeout;

use super::{Operation, TaskApi, TaskFailure};

/// A longer answer is not read.
const MAX_ANSWER: usize = 1 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// todo-api at a known address.
pub struct Direct {
    client: Client,
    base: String,
    patience: Duration,
}

impl Direct {
    /// Calls `base`, each call within `patience`.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(base: &str, patience: Duration) -> reqwest::Result<Self> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // Below the server's own limit, so that no call meets a closing connection.
            .pool_idle_timeout(Duration::from_secs(20))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            client,
            base: base.trim_end_matches('/').to_owned(),
            patience,
        })
    }

    async fn exchange(
        &self,
        user: &User,
        operation: Operation,
    ) -> Result<Box<RawValue>, TaskFailure> {
        let (method, path, route) = operation.request();
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&user.token);
        if let Operation::Create(body) = operation {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body);
        }
        let response = telemetry::http::send(&self.client, request, route)
            .await
            .map_err(failure)?;
        let status = response.status();
        let retry_after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        let body = read(response).await?;
        match status {
            StatusCode::NO_CONTENT => Ok(RawValue::NULL.to_owned()),
            status if status.is_success() => serde_json::from_slice(&body)
                .map_err(|error| TaskFailure::Broken(error.to_string())),
            StatusCode::SERVICE_UNAVAILABLE => {
                Err(TaskFailure::Unavailable("it says so".to_owned()))
            }
            StatusCode::GATEWAY_TIMEOUT => Err(TaskFailure::TimedOut),
            status if status.is_client_error() => Err(TaskFailure::Refused {
                status,
                problem: body,
                retry_after,
            }),
            status => Err(TaskFailure::Broken(status.to_string())),
        }
    }
}

impl TaskApi for Direct {
    fn call<'a>(
        &'a self,
        user: &'a User,
        operation: Operation,
    ) -> BoxFuture<'a, Result<Box<RawValue>, TaskFailure>> {
        Box::pin(async move {
            match timeout(self.patience, self.exchange(user, operation)).await {
                Ok(answer) => answer,
                Err(_) => Err(TaskFailure::TimedOut),
            }
        })
    }
}

async fn read(mut response: Response) -> Result<Bytes, TaskFailure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(TaskFailure::Broken("the answer is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

fn failure(error: reqwest::Error) -> TaskFailure {
    if error.is_timeout() && !error.is_connect() {
        TaskFailure::TimedOut
    } else {
        // Without its URL: that says nothing new, and may hold an id.
        TaskFailure::Unavailable(error.without_url().to_string())
    }
}
