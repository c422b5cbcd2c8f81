//! The events on the wire are what the fixtures say: what a consumer of last
//! month reads, and what a producer of last month wrote.

use events::contracts::{
    Change, Contract, ContractError, Event, InboundMessage, Notification, Reply, TaskEvent, decode,
};
use events::outbox::{Entry, EntryError, MAX_BODY_BYTES};
use serde_json::Value;
use testkit::Schemas;

const CREATED: &str = include_str!("fixtures/v1.1/todo.task.created.v1.json");
const COMPLETED: &str = include_str!("fixtures/v1.1/todo.task.completed.v1.json");

/// The events of a minor version: type and body.
fn fixtures(version: &str) -> Vec<(String, String)> {
    let folder = format!("{}/tests/fixtures/{version}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(&folder).expect("the fixtures");
    let fixtures = files.map(|file| {
        let path = file.expect("a file").path();
        let name = path.file_stem().expect("a name").to_string_lossy();
        let text = std::fs::read_to_string(&path).expect("a fixture");
        (name.into_owned(), text)
    });
    fixtures.collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Reads an event as today's consumers do, and writes it as today's producers do.
fn rewritten(event_type: &str, body: &str) -> Result<Value, ContractError> {
    fn by<T: Contract + Event>(event_type: &str, body: &str) -> Result<Value, ContractError> {
        let event = decode::<T>(event_type, body.as_bytes())?;
        assert_eq!(event.event_type(), event_type);
        Ok(serde_json::to_value(&event).expect("it is written"))
    }
    match event_type {
        _ if Notification::TYPES.contains(&event_type) => by::<Notification>(event_type, body),
        _ if InboundMessage::TYPES.contains(&event_type) => by::<InboundMessage>(event_type, body),
        _ if Reply::TYPES.contains(&event_type) => by::<Reply>(event_type, body),
        _ => by::<TaskEvent>(event_type, body),
    }
}

#[test]
fn every_type_has_a_schema_and_a_fixture_that_is_written_as_it_is_read() {
    let schemas = Schemas::load();
    let mut types = [
        TaskEvent::TYPES,
        Notification::TYPES,
        InboundMessage::TYPES,
        Reply::TYPES,
    ]
    .concat();
    types.sort_unstable();
    assert_eq!(schemas.types(), types);
    let mut written = Vec::new();
    for (event_type, fixture) in fixtures("v1.1") {
        let value = rewritten(&event_type, &fixture).expect("the fixture is read");
        assert_eq!(value, json(&fixture), "{event_type} is written otherwise");
        schemas.check_produced(&event_type, &value);
        written.push(event_type);
    }
    written.sort_unstable();
    assert_eq!(written, types);
    assert_eq!(Change::ALL.len(), TaskEvent::TYPES.len());
}

#[test]
fn a_schema_refuses_what_does_not_conform() {
    let schemas = Schemas::load();
    for (pointer, value) in [
        ("/change", json("\"deleted\"")),
        ("/task/id", json("\"17\"")),
        ("/task/status", json("\"paused\"")),
        ("/task/version", json("0")),
        ("/task/updated_at", json("\"yesterday\"")),
        ("/task/reminders/0/at", json("null")),
    ] {
        let mut body = json(CREATED);
        *body.pointer_mut(pointer).expect("such a field") = value;
        let errors = schemas.errors("todo.task.created.v1", &body);
        assert_eq!(errors.len(), 1, "{pointer}: {errors:?}");
    }
}

#[test]
fn what_was_written_by_1_0_is_read() {
    let schemas = Schemas::load();
    for (event_type, fixture) in fixtures("v1.0") {
        assert_eq!(schemas.errors(&event_type, &json(&fixture)), [""; 0]);
        rewritten(&event_type, &fixture).expect("an event of 1.0 is read");
    }
    let created = include_str!("fixtures/v1.0/todo.task.created.v1.json");
    let event: TaskEvent =
        decode("todo.task.created.v1", created.as_bytes()).expect("the fixture is read");
    let [reminder] = &event.task.reminders()[..] else {
        panic!("one reminder: {event:?}")
    };
    assert_eq!(
        (reminder.id, Some(reminder.at)),
        (event.task.id, event.task.remind_at)
    );
    assert_eq!(event.topic().name(), "todo.tasks.v1");
    assert_eq!(event.key(), "0198c0de-0000-7000-8000-000000000001");
}

/// What a consumer of 1.0 was made of, frozen: it must read what is written now.
mod v1_0 {
    #![allow(dead_code, reason = "that it is read is what counts")]

    use chrono::{DateTime, Utc};
    use serde::Deserialize;
    use uuid::Uuid;

    #[derive(Deserialize)]
    pub struct TaskEvent {
        pub change: Change,
        pub task: Task,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Change {
        Created,
        Updated,
        Completed,
        Reopened,
        Deleted,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Status {
        Open,
        Completed,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Priority {
        Low,
        Normal,
        High,
        Urgent,
    }

    #[derive(Deserialize)]
    pub struct Task {
        pub id: Uuid,
        pub user_id: Uuid,
        pub title: String,
        pub status: Status,
        pub priority: Priority,
        #[serde(default)]
        pub tags: Vec<String>,
        #[serde(default)]
        pub due_at: Option<DateTime<Utc>>,
        #[serde(default)]
        pub remind_at: Option<DateTime<Utc>>,
        pub version: i64,
        pub updated_at: DateTime<Utc>,
    }

    #[derive(Deserialize)]
    pub struct Notification {
        pub id: Uuid,
        pub user_id: Uuid,
        pub kind: String,
        pub task_id: Uuid,
        pub title: String,
        pub remind_at: DateTime<Utc>,
        pub fired_at: DateTime<Utc>,
    }
}

#[test]
fn what_is_written_now_is_read_by_a_consumer_of_1_0() {
    let mut read = 0;
    for (event_type, fixture) in fixtures("v1.1") {
        // Types that 1.0 does not have are dead letters there, until it is renewed.
        if event_type.contains("reminder_") || event_type.starts_with("chat.") {
            continue;
        }
        if event_type.starts_with("notification") {
            let told: v1_0::Notification = serde_json::from_str(&fixture).expect("it is read");
            assert_eq!(told.kind, "reminder");
        } else {
            let told: v1_0::TaskEvent = serde_json::from_str(&fixture).expect("it is read");
            let first = json(&fixture)["task"]["reminders"][0]["at"].clone();
            let at = told.task.remind_at.map(|at| at.timestamp_millis());
            let first = first.as_str().map(|text| {
                let at: chrono::DateTime<chrono::Utc> = text.parse().expect("a time");
                at.timestamp_millis()
            });
            assert_eq!(at, first, "{event_type}: the first reminder");
        }
        read += 1;
    }
    assert_eq!(read, 6);
}

#[test]
fn fields_of_the_future_are_ignored_and_optional_ones_may_be_absent() {
    for (event_type, fixture) in fixtures("v1.1") {
        let mut value = json(&fixture);
        value["origin"] = "import".into();
        if value["task"].is_object() {
            value["task"]["estimate"] = 3.into();
        }
        assert_eq!(Schemas::load().errors(&event_type, &value), [""; 0]);
        rewritten(&event_type, &value.to_string()).expect("a newer minor version is read");
    }
    let mut value = json(CREATED);
    let task = value["task"].as_object_mut().expect("an object");
    for optional in [
        "tags",
        "due_at",
        "remind_at",
        "reminders",
        "time_zone",
        "series",
    ] {
        task.remove(optional);
    }
    let event: TaskEvent =
        decode("todo.task.created.v1", value.to_string().as_bytes()).expect("still read");
    assert!(event.task.tags.is_empty() && event.task.reminders().is_empty());
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
fn debug_output_of_what_customers_write_says_nothing_of_them() {
    let inbound = include_str!("fixtures/v1.1/chat.inbound.received.v1.json");
    let reply = include_str!("fixtures/v1.1/chat.reply.created.v1.json");
    let inbound: InboundMessage =
        decode("chat.inbound.received.v1", inbound.as_bytes()).expect("the fixture is read");
    let reply: Reply =
        decode("chat.reply.created.v1", reply.as_bytes()).expect("the fixture is read");
    assert_eq!(inbound.key(), "account-7");
    assert_eq!(reply.key(), reply.ticket_id.to_string());
    let aliases = &inbound.also_known_as;
    let shown = format!("{inbound:?} {aliases:?} {reply:?}");
    for personal in ["account-7", "ada", "+49", "Where", "parcel", "Thank"] {
        assert!(!shown.contains(personal), "{personal} in {shown}");
    }
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
