//! The exposed metrics are a contract: names, types, labels, at zero before the
//! first event.

use testkit::{Samples, Service, System, eventually};

const C: &str = "counter";
const G: &str = "gauge";
const H: &str = "histogram";

type Row = (&'static str, &'static str, &'static [&'static str]);

/// Every service has these.
const SHARED: &[Row] = &[
    ("database_queries_total", C, &["query", "status"]),
    ("database_query_duration_seconds", H, &["query"]),
    ("database_connections_active", G, &[]),
    ("database_connections_idle", G, &[]),
    ("database_connections_max", G, &[]),
    ("database_pool_timeouts_total", C, &[]),
    ("process_cpu_seconds_total", C, &[]),
    ("process_resident_memory_bytes", G, &[]),
    ("process_open_fds", G, &[]),
    ("build_info", G, &["version", "revision"]),
    ("tokio_workers", G, &[]),
    ("tokio_busy_ratio", G, &[]),
    ("tokio_global_queue_depth", G, &[]),
    ("tokio_alive_tasks", G, &[]),
    ("tokio_schedule_delay_seconds", H, &[]),
    ("telemetry_dropped_total", C, &["signal"]),
    ("telemetry_exported_total", C, &["signal"]),
];

/// Every service with a public port.
const HTTP: &[Row] = &[
    ("http_requests_total", C, &["method", "endpoint", "status"]),
    ("http_request_duration_seconds", H, &["method", "endpoint"]),
    ("http_requests_active", G, &[]),
    ("http_request_size_bytes", H, &["method", "endpoint"]),
    ("http_response_size_bytes", H, &["method", "endpoint"]),
    ("active_users", G, &[]),
];

/// Every service with an outbox.
const PRODUCER: &[Row] = &[
    (
        "kafka_producer_messages_total",
        C,
        &["topic", "producer_id", "status"],
    ),
    (
        "kafka_producer_latency_seconds",
        H,
        &["topic", "producer_id"],
    ),
    ("kafka_producer_queue_size", G, &["producer_id"]),
    ("kafka_producer_bytes_total", C, &["topic", "producer_id"]),
    (
        "kafka_producer_errors_total",
        C,
        &["error_type", "topic", "producer_id"],
    ),
    ("outbox_pending", G, &[]),
    ("outbox_oldest_age_seconds", G, &[]),
];

/// Every service that consumes.
const CONSUMER: &[Row] = &[
    (
        "kafka_consumer_messages_total",
        C,
        &["topic", "consumer_group", "status"],
    ),
    (
        "kafka_consumer_latency_seconds",
        H,
        &["topic", "consumer_group"],
    ),
    (
        "kafka_consumer_end_to_end_seconds",
        H,
        &["topic", "consumer_group"],
    ),
    (
        "kafka_consumer_offset",
        G,
        &["topic", "partition", "consumer_group"],
    ),
    (
        "kafka_consumer_lag",
        G,
        &["topic", "partition", "consumer_group"],
    ),
    (
        "kafka_consumer_lag_seconds",
        G,
        &["topic", "consumer_group"],
    ),
    (
        "kafka_consumer_bytes_total",
        C,
        &["topic", "consumer_group"],
    ),
    (
        "kafka_consumer_errors_total",
        C,
        &["error_type", "topic", "consumer_group"],
    ),
    (
        "kafka_consumer_rebalances_total",
        C,
        &["consumer_group", "kind"],
    ),
    ("kafka_dead_letters_total", C, &["topic", "consumer_group"]),
    (
        "kafka_duplicates_skipped_total",
        C,
        &["topic", "consumer_group"],
    ),
];

const TODO: &[Row] = &[
    ("task_operations_total", C, &["operation"]),
    ("tasks", G, &["status"]),
    ("feature_usage_total", C, &["feature"]),
];

const GATEWAY: &[Row] = &[
    ("websocket_connections_active", G, &[]),
    ("websocket_connections_total", C, &[]),
    ("websocket_connection_failures_total", C, &["reason"]),
    (
        "websocket_messages_total",
        C,
        &["direction", "message_type"],
    ),
    ("websocket_slow_consumers_total", C, &["action"]),
    (
        "chat_messages_sent_total",
        C,
        &["user_role", "message_type"],
    ),
    ("user_sessions_active", G, &["user_type"]),
    ("user_session_duration_seconds", H, &["user_type"]),
    ("alerts_received_total", C, &["status"]),
];

const WORKER: &[Row] = &[
    ("reminders_fired_total", C, &[]),
    ("reminder_lateness_seconds", H, &[]),
    ("notifications_sent_total", C, &["kind", "status"]),
    ("channel_messages_received_total", C, &["channel_type"]),
    ("tickets_created_total", C, &["channel_type", "priority"]),
    ("response_time_seconds", H, &["channel_type"]),
    (
        "customer_identity_resolutions_total",
        C,
        &["resolution_type", "success"],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_exposed_with_its_type_and_labels_before_the_first_event() {
    let system = System::start().await;
    check(&system.todo_api, &[SHARED, HTTP, PRODUCER, TODO]).await;
    check(&system.chat_gateway, &[SHARED, HTTP, CONSUMER, GATEWAY]).await;
    check(&system.event_worker, &[SHARED, PRODUCER, CONSUMER, WORKER]).await;

    let todo = system.todo_api.metrics().await;
    for operation in ["create", "update", "delete", "complete", "reopen"] {
        let labels = [("operation", operation)];
        let series: Vec<_> = todo.matching("task_operations_total", &labels).collect();
        assert_eq!(series.len(), 1, "{operation}");
        assert_eq!(series[0].1, 0.0, "{operation}");
    }
    let created = [
        ("method", "POST"),
        ("endpoint", "/v1/tasks"),
        ("status", "201"),
    ];
    assert!(
        todo.has("http_requests_total", &created),
        "POST /v1/tasks starts at zero"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_service_exposes_a_summary_or_too_many_series() {
    let system = System::start().await;
    for service in [&system.todo_api, &system.chat_gateway, &system.event_worker] {
        let samples = service.metrics().await;
        let summaries: Vec<_> = samples
            .types
            .iter()
            .filter(|(_, kind)| *kind == "summary")
            .collect();
        assert!(summaries.is_empty(), "{summaries:?}");
        assert!(samples.series() <= 2_000, "{} series", samples.series());
        for name in samples
            .types
            .iter()
            .filter(|(_, kind)| *kind == C)
            .map(|(name, _)| name)
        {
            assert!(name.ends_with("_total"), "counter {name}");
        }
    }
}

async fn check(service: &Service, tables: &[&[Row]]) {
    for (name, kind, labels) in tables.iter().copied().flatten() {
        // Gauges of assignments appear when the group has settled.
        eventually(&format!("{name} ({kind}) with {labels:?}"), || async {
            let samples = service.metrics().await;
            exposed(&samples, name, kind, labels).then_some(())
        })
        .await;
    }
}

fn exposed(samples: &Samples, name: &str, kind: &str, labels: &[&str]) -> bool {
    let series = if kind == H {
        format!("{name}_count")
    } else {
        name.to_owned()
    };
    let mut found = samples.matching(&series, &[]);
    samples
        .types
        .get(name)
        .is_some_and(|exposed| exposed == kind)
        && found.any(|(series, _)| {
            let names = label_names(series);
            names.len() == labels.len() && labels.iter().all(|label| names.contains(label))
        })
}

fn label_names(series: &str) -> Vec<&str> {
    let labels = series.split_once('{').map_or("", |(_, labels)| labels);
    labels
        .trim_end_matches('}')
        .split("\",")
        .filter_map(|pair| Some(pair.split_once("=\"")?.0))
        .collect()
}
