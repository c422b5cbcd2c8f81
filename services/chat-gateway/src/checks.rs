//! What chat-gateway depends on besides the database and Kafka.

use std::time::Duration;

use service::{BoxError, Kind, Runtime};

use crate::config::Config;
use crate::fanout::Redis;

/// Registers the health checks of this service.
pub fn register(config: &Config, runtime: &Runtime) -> Result<(), BoxError> {
    if let Some(client) = config.redis.clone() {
        runtime.health.check("redis", Kind::Critical, move || {
            let client = client.clone();
            async move { Redis::ping(&client).await }
        });
    }
    let todo_api = format!("{}/health/ready", config.todo_api_url.trim_end_matches('/'));
    watch(runtime, "todo-api", todo_api)?;
    if let Some(url) = config.event_worker_health_url.clone() {
        watch(runtime, "event-worker", url)?;
    }
    Ok(())
}

/// Another service whose readiness is shown, and does not decide over ours.
fn watch(runtime: &Runtime, name: &'static str, url: String) -> Result<(), BoxError> {
    // A client of its own: the checks run apart from the requests.
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(1))
        .build()?;
    runtime.health.check(name, Kind::Degrading, move || {
        let (client, request) = (client.clone(), client.get(&url));
        async move {
            let sent =
                telemetry::untraced(telemetry::http::send(&client, request, "/health/ready"));
            let response = sent
                .await
                .map_err(|error| error.without_url().to_string())?;
            if response.status().is_success() {
                Ok(())
            } else {
                Err(format!("not ready: {}", response.status()))
            }
        }
    });
    Ok(())
}
