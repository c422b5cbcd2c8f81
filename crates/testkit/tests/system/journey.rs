//! One action through all three services, in every signal.

use serde_json::json;
use testkit::{Span, System, eventually};

const TEXT: &str = "add a task water the plants, remind me in 1 second";

/// An edge that the journey's trace must have: child, its service and kind, and
/// its parent. 2 server, 3 client, 4 producer, 5 consumer, 1 internal.
type Edge = (&'static str, &'static str, i32, &'static str, &'static str);

/// All of them.
const TREE: [Edge; 12] = [
    (
        "chat-gateway",
        "POST /v1/tasks",
        3,
        "chat-gateway",
        "websocket.receive",
    ),
    (
        "todo-api",
        "POST /v1/tasks",
        2,
        "chat-gateway",
        "POST /v1/tasks",
    ),
    (
        "todo-api",
        "db.task_insert",
        3,
        "todo-api",
        "POST /v1/tasks",
    ),
    (
        "todo-api",
        "outbox.publish",
        1,
        "todo-api",
        "POST /v1/tasks",
    ),
    (
        "todo-api",
        "todo.tasks.v1 publish",
        4,
        "todo-api",
        "outbox.publish",
    ),
    (
        "event-worker",
        "todo.tasks.v1 process",
        5,
        "todo-api",
        "todo.tasks.v1 publish",
    ),
    (
        "event-worker",
        "reminder.fire",
        1,
        "event-worker",
        "todo.tasks.v1 process",
    ),
    (
        "event-worker",
        "outbox.publish",
        1,
        "event-worker",
        "reminder.fire",
    ),
    (
        "event-worker",
        "notifications.v1 publish",
        4,
        "event-worker",
        "outbox.publish",
    ),
    (
        "chat-gateway",
        "notifications.v1 process",
        5,
        "event-worker",
        "notifications.v1 publish",
    ),
    (
        "chat-gateway",
        "websocket.push",
        4,
        "chat-gateway",
        "notifications.v1 process",
    ),
    (
        "event-worker",
        "db.reminder_upsert",
        3,
        "event-worker",
        "todo.tasks.v1 process",
    ),
];

/// A service, its metric, and labels.
type Moved = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// What one journey moves by exactly one.
const MOVED: [Moved; 9] = [
    (
        "todo-api",
        "task_operations_total",
        &[("operation", "create")],
    ),
    (
        "todo-api",
        "http_requests_total",
        &[("endpoint", "/v1/tasks"), ("status", "201")],
    ),
    (
        "todo-api",
        "feature_usage_total",
        &[("feature", "reminder")],
    ),
    (
        "todo-api",
        "kafka_producer_messages_total",
        &[("topic", "todo.tasks.v1"), ("status", "success")],
    ),
    (
        "event-worker",
        "kafka_consumer_messages_total",
        &[("topic", "todo.tasks.v1"), ("status", "success")],
    ),
    ("event-worker", "reminders_fired_total", &[]),
    (
        "event-worker",
        "notifications_sent_total",
        &[("kind", "reminder"), ("status", "success")],
    ),
    (
        "event-worker",
        "kafka_producer_messages_total",
        &[("topic", "notifications.v1"), ("status", "success")],
    ),
    (
        "chat-gateway",
        "kafka_consumer_messages_total",
        &[("topic", "notifications.v1"), ("status", "success")],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn one_action_is_one_connected_trace_with_its_logs_and_metrics() {
    let system = System::start().await;
    let token = system.sign_in().await;
    let mut socket = system.socket(&token).await;
    socket
        .send(json!({"type": "join", "room": "general"}))
        .await;
    socket.expect("joined").await;
    let before = [
        system.todo_api.metrics().await,
        system.chat_gateway.metrics().await,
        system.event_worker.metrics().await,
    ];

    let trace_id = uuid::Uuid::new_v4().simple().to_string();
    let traceparent = format!("00-{trace_id}-00f067aa0ba902b7-01");
    socket
        .send(json!({"type": "message", "id": "1", "room": "general", "text": TEXT, "traceparent": traceparent}))
        .await;
    let task = socket.expect("task").await;
    assert_eq!(task["client_id"], "1");
    assert_eq!(task["task"]["title"], "water the plants");
    let notification = socket.expect("notification").await;
    assert_eq!(notification["notification"]["task_id"], task["task"]["id"]);
    assert!(
        notification["traceparent"]
            .as_str()
            .is_some_and(|text| text.contains(&trace_id))
    );

    // Whole: every edge is there, and only one span hangs on none of the others.
    let spans = system.parts.otlp.trace_with(&trace_id, missing).await;
    for (service, name, cause) in [
        (
            "event-worker",
            "todo.tasks.v1 process",
            "todo.tasks.v1 publish",
        ),
        (
            "chat-gateway",
            "notifications.v1 process",
            "notifications.v1 publish",
        ),
        ("event-worker", "reminder.fire", "todo.tasks.v1 process"),
        ("chat-gateway", "websocket.push", "notifications.v1 process"),
    ] {
        let span = spans.iter().find(|span| {
            span.service == service
                && span.name == name
                && (name != "websocket.push" || caused_by(&spans, span, cause))
        });
        let span = span.unwrap_or_else(|| panic!("{service} {name} linked to {cause}"));
        assert!(
            caused_by(&spans, span, cause),
            "{name} has no link to {cause}: {span:#?}"
        );
    }
    let [root] = orphans(&spans)[..] else {
        unreachable!("the trace is whole");
    };
    assert_eq!(
        root.parent_id, "00f067aa0ba902b7",
        "the browser's: {root:#?}"
    );
    assert!(
        spans.iter().all(|span| !span.failed),
        "failed spans: {spans:#?}"
    );
    assert!(spans.iter().all(|span| span.end >= span.start));

    for (service, message) in [
        ("chat-gateway", "message_sent"),
        ("todo-api", "task_creation_successful"),
        ("todo-api", "request_completed"),
        ("todo-api", "producer_event"),
        ("event-worker", "consumer_event"),
        ("event-worker", "producer_event"),
        ("chat-gateway", "consumer_event"),
    ] {
        eventually(
            &format!("{service} exports {message} with the trace id"),
            || async {
                let logs = system.parts.otlp.logs();
                let found = |log: &testkit::Log| {
                    log.service == service && log.message == message && log.trace_id == trace_id
                };
                logs.iter().any(found).then_some(())
            },
        )
        .await;
        let process = match service {
            "todo-api" => &system.todo_api,
            "event-worker" => &system.event_worker,
            _ => &system.chat_gateway,
        };
        let on_output = |log: &testkit::LogLine| {
            log.message == message
                && log.trace_id.as_deref() == Some(&trace_id)
                && log.service == service
        };
        assert!(
            process.logs().iter().any(on_output),
            "{service} prints {message}"
        );
    }

    let after = [
        system.todo_api.metrics().await,
        system.chat_gateway.metrics().await,
        system.event_worker.metrics().await,
    ];
    for (service, name, labels) in MOVED {
        let index = match service {
            "todo-api" => 0,
            "chat-gateway" => 1,
            _ => 2,
        };
        let moved = after[index].sum(name, labels) - before[index].sum(name, labels);
        assert_eq!(moved, 1.0, "{service} {name} {labels:?}");
    }
}

/// What the trace does not have yet.
fn missing(spans: &[Span]) -> Vec<String> {
    let edges = TREE.iter().filter(|edge| !holds(spans, edge));
    let edges = edges.map(|(service, name, kind, above, parent)| {
        format!("{service} {name} (kind {kind}) below {above} {parent}")
    });
    let beyond_one = orphans(spans).into_iter().skip(1);
    let parents = beyond_one.map(|span| format!("the parent of {} {}", span.service, span.name));
    edges.chain(parents).collect()
}

fn holds(spans: &[Span], (service, name, kind, above, parent): &Edge) -> bool {
    let is = |span: &Span, service: &str, name: &str| span.service == service && span.name == name;
    let parents = || spans.iter().filter(|span| is(span, above, parent));
    spans
        .iter()
        .filter(|span| is(span, service, name) && span.kind == *kind)
        .any(|span| parents().any(|parent| parent.span_id == span.parent_id))
}

fn orphans(spans: &[Span]) -> Vec<&Span> {
    let has_parent = |span: &Span| spans.iter().any(|other| other.span_id == span.parent_id);
    spans.iter().filter(|span| !has_parent(span)).collect()
}

fn caused_by(spans: &[Span], span: &Span, cause: &str) -> bool {
    spans
        .iter()
        .any(|other| other.name == cause && span.links.contains(&other.span_id))
}
