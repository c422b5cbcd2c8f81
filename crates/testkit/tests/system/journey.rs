//! One action through all three services, in every signal.

use serde_json::json;
use testkit::{Span, System, eventually};

const TEXT: &str = "add a task water the plants, remind me in 1 second";

/// An edge that the journey's trace must have: child, its service and kind, and
/// its parent. 2 server, 3 client, 4 producer, 5 consumer, 1 internal.
const TREE: [(&str, &str, i32, &str, &str); 12] = [
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

    let spans = system
        .parts
        .otlp
        .trace_with(&trace_id, |spans| {
            TREE.iter()
                .all(|(service, name, ..)| find(spans, service, name).is_some())
        })
        .await;
    for (service, name, kind, parent_service, parent_name) in TREE {
        let child =
            |span: &&Span| span.service == service && span.name == name && span.kind == kind;
        let children: Vec<_> = spans.iter().filter(child).collect();
        let parents: Vec<_> = spans
            .iter()
            .filter(|span| span.service == parent_service && span.name == parent_name)
            .map(|span| &span.span_id)
            .collect();
        assert!(
            children
                .iter()
                .any(|child| parents.contains(&&child.parent_id)),
            "{service} {name} (kind {kind}) is no child of {parent_service} {parent_name}: {children:#?}"
        );
    }
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
    // Whole: one span hangs on the browser's, every other on one that is here.
    let orphans: Vec<_> = spans
        .iter()
        .filter(|span| !spans.iter().any(|parent| parent.span_id == span.parent_id))
        .collect();
    assert!(
        orphans.len() == 1 && orphans[0].parent_id == "00f067aa0ba902b7",
        "orphans: {orphans:#?}"
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

fn find<'a>(spans: &'a [Span], service: &str, name: &str) -> Option<&'a Span> {
    spans
        .iter()
        .find(|span| span.service == service && span.name == name)
}

fn caused_by(spans: &[Span], span: &Span, cause: &str) -> bool {
    spans
        .iter()
        .any(|other| other.name == cause && span.links.contains(&other.span_id))
}
