//! The metrics that every service has.

use super::{FAST, Label, Metric, SIZE};

const ROUTE: &[Label] = &[Label::open("method"), Label::open("endpoint")];
const QUERY: &[Label] = &[Label::open("query")];
const SIGNAL: &[Label] = &[Label::known("signal", &["traces", "logs", "log_lines"])];

/// Requests answered.
pub const HTTP_REQUESTS: Metric = Metric::counter(
    "http_requests_total",
    "HTTP requests answered.",
    &[
        Label::open("method"),
        Label::open("endpoint"),
        Label::open("status"),
    ],
);
/// Time from the request's head to the response's head.
pub const HTTP_REQUEST_DURATION: Metric = Metric::histogram(
    "http_request_duration_seconds",
    "Time to answer an HTTP request.",
    ROUTE,
    FAST,
);
/// Requests in flight.
pub const HTTP_REQUESTS_ACTIVE: Metric =
    Metric::gauge("http_requests_active", "HTTP requests in flight.", &[]);
/// Request bodies.
pub const HTTP_REQUEST_SIZE: Metric = Metric::histogram(
    "http_request_size_bytes",
    "Size of HTTP request bodies.",
    ROUTE,
    SIZE,
);
/// Response bodies.
pub const HTTP_RESPONSE_SIZE: Metric = Metric::histogram(
    "http_response_size_bytes",
    "Size of HTTP response bodies.",
    ROUTE,
    SIZE,
);
/// Queries run.
pub const DATABASE_QUERIES: Metric = Metric::counter(
    "database_queries_total",
    "Database queries run.",
    &[
        Label::open("query"),
        Label::known("status", &["success", "error"]),
    ],
);
/// Time of a query, the wait for a connection included.
pub const DATABASE_QUERY_DURATION: Metric = Metric::histogram(
    "database_query_duration_seconds",
    "Time of a database query, waiting for a connection included.",
    QUERY,
    FAST,
);
/// Waits for a connection that ran out.
pub const DATABASE_POOL_TIMEOUTS: Metric = Metric::counter(
    "database_pool_timeouts_total",
    "Waits for a database connection that ran out.",
    &[],
);
/// Telemetry that was given up.
pub const TELEMETRY_DROPPED: Metric = Metric::counter(
    "telemetry_dropped_total",
    "Spans, log records and log lines that were dropped.",
    SIGNAL,
);
/// Telemetry that arrived.
pub const TELEMETRY_EXPORTED: Metric = Metric::counter(
    "telemetry_exported_total",
    "Spans, log records and log lines that were written or accepted.",
    SIGNAL,
);
/// Who is running.
pub const BUILD_INFO: Metric = Metric::gauge(
    "build_info",
    "Version and revision of the running program; always 1.",
    &[Label::open("version"), Label::open("revision")],
);
/// Runtime threads.
pub const TOKIO_WORKERS: Metric =
    Metric::gauge("tokio_workers", "Worker threads of the runtime.", &[]);
/// Tasks alive.
pub const TOKIO_ALIVE_TASKS: Metric =
    Metric::gauge("tokio_alive_tasks", "Tasks alive in the runtime.", &[]);
/// Tasks waiting in the shared queue.
pub const TOKIO_GLOBAL_QUEUE_DEPTH: Metric = Metric::gauge(
    "tokio_global_queue_depth",
    "Tasks waiting in the runtime's shared queue.",
    &[],
);
/// Share of time the workers were busy since the last scrape.
pub const TOKIO_BUSY_RATIO: Metric = Metric::gauge(
    "tokio_busy_ratio",
    "Share of the workers' time spent running tasks since the last scrape, 0 to 1.",
    &[],
);
/// How long a ready task waits until it is polled: long polls show here.
pub const TOKIO_SCHEDULE_DELAY: Metric = Metric::histogram(
    "tokio_schedule_delay_seconds",
    "Time a ready task waits until it is polled, sampled once a second.",
    &[],
    &[0.00001, 0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0],
);

/// The metrics that [`crate::Telemetry::init`] registers for every service.
pub const CATALOGUE: &[&Metric] = &[
    &HTTP_REQUESTS,
    &HTTP_REQUEST_DURATION,
    &HTTP_REQUESTS_ACTIVE,
    &HTTP_REQUEST_SIZE,
    &HTTP_RESPONSE_SIZE,
    &DATABASE_QUERIES,
    &DATABASE_QUERY_DURATION,
    &DATABASE_POOL_TIMEOUTS,
    &TELEMETRY_DROPPED,
    &TELEMETRY_EXPORTED,
    &BUILD_INFO,
    &TOKIO_WORKERS,
    &TOKIO_ALIVE_TASKS,
    &TOKIO_GLOBAL_QUEUE_DEPTH,
    &TOKIO_BUSY_RATIO,
    &TOKIO_SCHEDULE_DELAY,
];
