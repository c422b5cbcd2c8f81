//! The rows of the table.

use std::time::Duration;

use crate::components::Component;

/// The three services, in the order in which requests meet them.
pub(super) const SERVICES: [Service; 3] = [
    Service {
        name: "chat-gateway",
        what: "accounts, chat, web page",
        database: "chat",
        ports: (Some(8002), 9102),
    },
    Service {
        name: "todo-api",
        what: "tasks",
        database: "todo",
        ports: (Some(8001), 9101),
    },
    Service {
        name: "event-worker",
        what: "reminders, notifications",
        database: "worker",
        ports: (None, 9103),
    },
];

/// A service, and what is fixed about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Service {
    pub name: &'static str,
    pub what: &'static str,
    pub database: &'static str,
    /// Its public port, if it has one, and its admin port.
    pub ports: (Option<u16>, u16),
}

pub(super) const POSTGRES: &str = "postgres";
pub(super) const REDIS: &str = "redis";
pub(super) const KAFKA: &str = "kafka";
pub(super) const PROMETHEUS: &str = "prometheus";
pub(super) const COLLECTOR: &str = "otel-collector";
pub(super) const JAEGER: &str = "jaeger";
pub(super) const LOKI: &str = "loki";
pub(super) const ALERTMANAGER: &str = "alertmanager";
pub(super) const MAIL_CATCHER: &str = "mail-catcher";
pub(super) const NODE_EXPORTER: &str = "node-exporter";
pub(super) const POSTGRES_EXPORTER: &str = "postgres-exporter";
pub(super) const REDIS_EXPORTER: &str = "redis-exporter";
pub(super) const BLACKBOX: &str = "blackbox-exporter";
pub(super) const PROBE: &str = "probe";
/// Where the probe shows its metrics.
pub(super) const PROBE_PORT: u16 = 9104;
/// How often it makes the journey.
pub(super) const PROBE_EVERY: Duration = Duration::from_secs(30);

/// Everything there could be.
pub(super) fn components() -> Vec<Component> {
    let services = SERVICES.iter().map(|service| (service.name, service.what));
    let backing = [
        (POSTGRES, "PostgreSQL: a database for each service"),
        (REDIS, "Redis: cache, fan-out between gateways"),
        (KAFKA, "Apache Kafka: events between services"),
        (PROMETHEUS, "metrics"),
        (COLLECTOR, "traces and logs on their way"),
        (JAEGER, "traces"),
        (LOKI, "log search"),
        (ALERTMANAGER, "alerts: who is told"),
        (MAIL_CATCHER, "alerts by mail"),
        (NODE_EXPORTER, "metrics of this machine"),
        (POSTGRES_EXPORTER, "metrics of PostgreSQL"),
        (REDIS_EXPORTER, "metrics of Redis"),
        (BLACKBOX, "probes from outside"),
        (PROBE, "the journey, every 30 s"),
    ];
    let rows = services.chain(backing);
    rows.map(|(name, what)| Component::new(name, what))
        .collect()
}
