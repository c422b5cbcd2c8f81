//! The system with more or less telemetry.

use serde_json::json;
use testkit::{ServiceBuilder, System, SystemBuilder};

#[derive(Clone, Copy, PartialEq)]
pub enum Telemetry {
    Off,
    Metrics,
    /// Every span sampled, OTLP traces and log records, a JSON line for each request.
    Full,
}

impl Telemetry {
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Metrics => "metrics only",
            Self::Full => "full",
        }
    }

    fn of(self, builder: ServiceBuilder) -> ServiceBuilder {
        match self {
            Self::Full => builder,
            Self::Metrics => builder.env("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
            Self::Off => builder
                .env("OTEL_EXPORTER_OTLP_ENDPOINT", "")
                .env("METRICS_ENABLED", "false"),
        }
    }

    /// All three services, ready, with databases of their own.
    pub async fn start(self) -> System {
        let parts = SystemBuilder::new().await;
        let (todo_api, event_worker) = (self.of(parts.todo_api()), self.of(parts.event_worker()));
        let (todo_api, event_worker) = tokio::join!(todo_api.start(), event_worker.start());
        let gateway = self.of(parts.chat_gateway(&todo_api.url("")));
        // Every run signs its users up anew, all from this machine.
        let gateway = gateway.env("REGISTRATIONS_PER_ADDRESS", "100000");
        let system = System {
            chat_gateway: gateway.start().await,
            parts,
            todo_api,
            event_worker,
            http: reqwest::Client::new(),
        };
        if self != Self::Full {
            // Not before: the ports are read off a log line.
            for service in [&system.todo_api, &system.chat_gateway, &system.event_worker] {
                let silent = system
                    .http
                    .put(service.admin("/log-level"))
                    .json(&json!({"level": "off"}));
                assert_eq!(silent.send().await.expect("an answer").status(), 200);
            }
        }
        system
    }
}
