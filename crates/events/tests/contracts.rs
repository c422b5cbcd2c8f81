//! The events on the wire are what the fixtures say: what a consumer of last
//! month reads, and what a producer of last month wrote.

use events::contracts::{Contract, ContractError, Event, Notification, TaskEvent, decode};
use events::outbox::{Entry, EntryError, MAX_BODY_BYTES};
use serde_json::Value;

const CREATED: &str = include_str!("fixtures/todo.task.created.v1.json");
const COMPLETED: &str = include_str!("fixtures/todo.task.completed.v1.json");
const REMINDER: &str = include_str!("fixtures/notification.reminder.v1.json");

fn round_trip<T: Contract + Event>(event_type: &str, fixture: &str) -> T {
    let event: T = decode(event_type, fixture.as_bytes()).expect("the fixture is read");
    assert_eq!(event.event_type(), event_type);
    let written: Value = serde_json::to_value(&event).expect("it is written");
    let expected: Value = serde_json::from_str(fixture).expect("the fixture is JSON");
    assert_eq!(
        written, expected,
        "what is written differs from the fixture"
    );
    event
}

#[test]
fn a_task_event_is_what_its_fixture_says() {
    let event: TaskEvent = round_trip("todo.task.created.v1", CREATED);
    assert_eq!(event.topic().name(), "todo.tasks.v1");
    assert_eq!(event.key(), "0198c0de-0000-7000-8000-000000000001");
    assert_eq!(event.task.tags, ["home", "plants"]);
    assert!(event.task.remind_at.is_some());
    let _: TaskEvent = round_trip("todo.task.completed.v1", COMPLETED);
}

#[test]
fn a_notification_is_what_its_fixture_says() {
    let event: Notification = round_trip("notification.reminder.v1", REMINDER);
    assert_eq!(event.topic().name(), "notifications.v1");
    assert_eq!(event.key(), "0198c0de-0000-7000-8000-0000000000aa");
}

#[test]
fn fields_of_the_future_are_ignored_and_optional_ones_may_be_absent() {
    let mut value: Value = serde_json::from_str(CREATED).expect("JSON");
    value["origin"] = "import".into();
    value["task"]["estimate"] = 3.into();
    let task = value["task"].as_object_mut().expect("an object");
    for optional in ["tags", "due_at", "remind_at"] {
        task.remove(optional);
    }
    let event: TaskEvent =
        decode("todo.task.created.v1", value.to_string().as_bytes()).expect("still read");
    assert!(event.task.tags.is_empty() && event.task.remind_at.is_none());
}

#[test]
fn what_cannot_be_read_is_told_apart() {
    let error = |event_type: &str, body: &str| {
        decode::<TaskEvent>(event_type, body.as_bytes()).expect_err("refused")
    };
    for (event_type, body, cause) in [
        ("todo.task.exploded.v1", CREATED, "unknown_type"),
        ("todo.task.created", CREATED, "unknown_type"),
        ("notification.reminder.v1", CREATED, "unknown_type"),
        ("todo.task.created.v2", CREATED, "unsupported_version"),
        ("todo.task.created.v1", "", "malformed_body"),
        (
            "todo.task.created.v1",
            "{\"change\":\"created\"}",
            "malformed_body",
        ),
        ("todo.task.created.v1", "[]", "malformed_body"),
        ("todo.task.created.v1", "\u{0}", "malformed_body"),
        ("todo.task.created.v1", COMPLETED, "malformed_body"),
    ] {
        assert_eq!(error(event_type, body).cause(), cause, "{event_type}");
    }
    let contradiction = error("todo.task.created.v1", COMPLETED);
    assert!(matches!(contradiction, ContractError::Contradiction(_)));
}

#[test]
fn an_error_quotes_nothing_of_the_body() {
    let body = CREATED.replace("\"high\"", "\"canary-7f3a\"");
    let error = decode::<TaskEvent>("todo.task.created.v1", body.as_bytes()).expect_err("refused");
    assert!(!error.to_string().contains("canary"), "{error}");
}

#[test]
fn an_entry_carries_the_event_and_refuses_what_the_broker_would() {
    let mut event: TaskEvent =
        decode("todo.task.created.v1", CREATED.as_bytes()).expect("the fixture is read");
    let entry = Entry::new(&event).expect("an entry");
    assert_eq!(
        (entry.topic.as_str(), entry.event_type),
        ("todo.tasks.v1", "todo.task.created.v1")
    );
    assert_eq!(entry.key, event.key());
    assert_eq!(entry.traceparent, None);
    assert_eq!(
        decode::<TaskEvent>(entry.event_type, &entry.body),
        Ok(event.clone())
    );

    event.task.title = "x".repeat(MAX_BODY_BYTES);
    let error = Entry::new(&event).expect_err("too large");
    assert!(matches!(error, EntryError::TooLarge { size } if size > MAX_BODY_BYTES));
}
