//! The metrics of the service's own machinery. Those of HTTP and of queries
//! are measured, and declared, in the telemetry crate.

use std::sync::LazyLock;

use ::metrics::{Counter, Gauge};
use telemetry::metrics::{Label, Metric};

/// Connections executing something.
pub const DATABASE_CONNECTIONS_ACTIVE: Metric = Metric::gauge(
    "database_connections_active",
    "Database connections in use.",
    &[],
);
/// Connections waiting in the pool.
pub const DATABASE_CONNECTIONS_IDLE: Metric = Metric::gauge(
    "database_connections_idle",
    "Database connections idle in the pool.",
    &[],
);
/// The pool's bound.
pub const DATABASE_CONNECTIONS_MAX: Metric = Metric::gauge(
    "database_connections_max",
    "Most database connections the pool may hold.",
    &[],
);
/// Users whose token was seen in the last five minutes.
pub const ACTIVE_USERS: Metric = Metric::gauge(
    "active_users",
    "Distinct users seen in the last 5 minutes.",
    &[],
);
/// Result of each background check.
pub const DEPENDENCY_UP: Metric = Metric::gauge(
    "dependency_up",
    "Whether the last background check of a dependency succeeded.",
    &[Label::open("dependency")],
);
/// Connections open on the public port.
pub const HTTP_CONNECTIONS_ACTIVE: Metric = Metric::gauge(
    "http_connections_active",
    "Connections open on the public port.",
    &[],
);
/// Requests refused or cut short by the service's own protection.
pub const HTTP_PANICS: Metric =
    Metric::counter("http_panics_total", "Requests whose handler panicked.", &[]);
/// Requests that ran into the deadline.
pub const HTTP_DEADLINES_EXCEEDED: Metric = Metric::counter(
    "http_deadlines_exceeded_total",
    "Requests answered with 504 because they took too long.",
    &[],
);
/// Requests of users who sent too many.
pub const HTTP_REQUESTS_LIMITED: Metric = Metric::counter(
    "http_requests_limited_total",
    "Requests answered with 429 because their user sent too many.",
    &[],
);
/// Requests of users who will soon be refused.
pub const HTTP_REQUESTS_NEAR_LIMIT: Metric = Metric::counter(
    "http_requests_near_limit_total",
    "Requests that left their user less than a fifth of what may be sent at once, refused ones included.",
    &[],
);
/// Requests refused to keep the others going.
pub const HTTP_REQUESTS_SHED: Metric = Metric::counter(
    "http_requests_shed_total",
    "Requests answered with 503 at once, or after a short wait for a database connection, because too much was going on.",
    &[Label::known("reason", &["requests", "database"])],
);

/// All of the above.
pub const CATALOGUE: &[&Metric] = &[
    &DATABASE_CONNECTIONS_ACTIVE,
    &DATABASE_CONNECTIONS_IDLE,
    &DATABASE_CONNECTIONS_MAX,
    &ACTIVE_USERS,
    &DEPENDENCY_UP,
    &HTTP_CONNECTIONS_ACTIVE,
    &HTTP_PANICS,
    &HTTP_DEADLINES_EXCEEDED,
    &HTTP_REQUESTS_LIMITED,
    &HTTP_REQUESTS_NEAR_LIMIT,
    &HTTP_REQUESTS_SHED,
];

pub(crate) static CONNECTIONS: LazyLock<Gauge> =
    LazyLock::new(|| HTTP_CONNECTIONS_ACTIVE.gauge_handle(&[]));
pub(crate) static PANICS: LazyLock<Counter> = LazyLock::new(|| HTTP_PANICS.counter_handle(&[]));
pub(crate) static DEADLINES: LazyLock<Counter> =
    LazyLock::new(|| HTTP_DEADLINES_EXCEEDED.counter_handle(&[]));
pub(crate) static LIMITED: LazyLock<Counter> =
    LazyLock::new(|| HTTP_REQUESTS_LIMITED.counter_handle(&[]));
pub(crate) static NEAR_LIMIT: LazyLock<Counter> =
    LazyLock::new(|| HTTP_REQUESTS_NEAR_LIMIT.counter_handle(&[]));
pub(crate) static SHED_BY_REQUESTS: LazyLock<Counter> =
    LazyLock::new(|| HTTP_REQUESTS_SHED.counter_handle(&["requests"]));
pub(crate) static SHED_BY_DATABASE: LazyLock<Counter> =
    LazyLock::new(|| HTTP_REQUESTS_SHED.counter_handle(&["database"]));
