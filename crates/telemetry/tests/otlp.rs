//! What leaves the process, read back with the protocol's own types.

mod receiver;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::{Span, Status, span};
use receiver::world;
use telemetry::database::Query;
use telemetry::{Context, SpanKind};

const REMOTE: u32 = 0x301;
const LOCAL: u32 = 0x101;

/// A sampled context from elsewhere, in a trace of its own. Telemetry has
/// started by then.
fn elsewhere() -> Context {
    world();
    let (trace, span) = (rand::random::<u128>() | 1, rand::random::<u64>() | 1);
    Context::parse(&format!("00-{trace:032x}-{span:016x}-01")).expect("well formed")
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, any_value::Value::StringValue(value.to_owned()))
}

#[test]
fn a_span_arrives_with_all_that_it_has() {
    let (parent, cause) = (elsewhere(), elsewhere());
    let mut span = telemetry::span("step")
        .kind(SpanKind::Producer)
        .attribute("text", "Grüße")
        .attribute("empty", "")
        .attribute("number", -7i64)
        .attribute("share", 0.25)
        .attribute("true", true)
        .parent(Some(parent.clone()))
        .link(&cause)
        .start();
    span.event("half-way");
    span.set("late", "x".repeat(300));
    span.error("timeout");
    let own = span.context().clone();
    drop(span);

    let [found] = world().spans(&parent).try_into().expect("one span");
    assert!(found.start_time_unix_nano > 1_700_000_000_000_000_000);
    assert!(found.end_time_unix_nano >= found.start_time_unix_nano);
    let moment = found.events[0].time_unix_nano;
    assert!((found.start_time_unix_nano..=found.end_time_unix_nano).contains(&moment));
    let expected = Span {
        trace_id: bytes(&parent.trace_id()),
        span_id: bytes(&own.span_id()),
        parent_span_id: bytes(&parent.span_id()),
        flags: REMOTE,
        name: "step".to_owned(),
        kind: span::SpanKind::Producer as i32,
        start_time_unix_nano: found.start_time_unix_nano,
        end_time_unix_nano: found.end_time_unix_nano,
        attributes: vec![
            text("text", "Grüße"),
            text("empty", ""),
            attribute("number", any_value::Value::IntValue(-7)),
            attribute("share", any_value::Value::DoubleValue(0.25)),
            attribute("true", any_value::Value::BoolValue(true)),
            text("late", &"x".repeat(300)),
            text("error.type", "timeout"),
        ],
        events: vec![span::Event {
            time_unix_nano: moment,
            name: "half-way".to_owned(),
            ..span::Event::default()
        }],
        links: vec![span::Link {
            trace_id: bytes(&cause.trace_id()),
            span_id: bytes(&cause.span_id()),
            flags: REMOTE,
            ..span::Link::default()
        }],
        status: Some(Status {
            message: "timeout".to_owned(),
            code: 2,
        }),
        ..Span::default()
    };
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_child_has_its_parent_and_every_kind_its_number() {
    world();
    let root = telemetry::span("root").parent(None).start();
    root.scope(async {
        for kind in [
            SpanKind::Internal,
            SpanKind::Server,
            SpanKind::Client,
            SpanKind::Producer,
            SpanKind::Consumer,
        ] {
            drop(telemetry::span("child").kind(kind).start());
        }
    })
    .await;
    let context = root.context().clone();
    drop(root);
    let spans = world().spans(&context);
    let kinds: Vec<_> = spans.iter().map(|span| span.kind).collect();
    assert_eq!(kinds, [1, 2, 3, 4, 5, 1]);
    let root_id = bytes(&context.span_id());
    assert!(spans.iter().all(|span| span.flags == LOCAL));
    assert!(spans[..5].iter().all(|span| span.parent_span_id == root_id));
    assert!(spans[5].parent_span_id.is_empty() && spans[5].span_id == root_id);
    assert!(spans.iter().all(|span| span.status.is_none()));
}

#[test]
fn a_span_stays_small_and_says_what_is_missing() {
    let cause = elsewhere();
    let mut span = telemetry::span("large").parent(Some(cause.clone())).start();
    for _ in 0..1_000 {
        span.set("padding", "x".repeat(100));
        span.event("again");
    }
    span.set("huge", "x".repeat(1 << 20));
    span.error("overflow");
    drop(span);
    let [found] = world().spans(&cause).try_into().expect("one span");
    let kept = found.attributes.len();
    assert!((50..200).contains(&kept), "{kept} attributes");
    assert_eq!(found.dropped_attributes_count as usize + kept, 1_002);
    assert_eq!(
        found.dropped_events_count as usize + found.events.len(),
        1_000
    );
    assert_eq!(found.status.map(|status| status.code), Some(2));
}

#[test]
fn what_is_not_sampled_stays_and_keeps_its_ids() {
    let sampled = elsewhere();
    let text = sampled.traceparent().replace("-01", "-00");
    let parent = Context::parse(&text).expect("well formed");
    let span = telemetry::span("quiet")
        .parent(Some(parent.clone()))
        .start();
    assert_eq!(span.context().trace_id(), parent.trace_id());
    assert_ne!(span.context().span_id(), parent.span_id());
    assert!(!span.context().sampled());
    drop(span);
    assert_eq!(world().spans(&parent), []);
}

#[tokio::test]
async fn a_query_is_a_client_span_with_its_names() {
    static QUERY: Query = Query::new("find_thing", "SELECT", "things");
    let parent = elsewhere();
    let root = telemetry::span("root").parent(Some(parent.clone())).start();
    let failed = async { Err::<(), _>(sqlx::Error::PoolTimedOut) };
    assert!(root.scope(QUERY.run(failed)).await.is_err());
    drop(root);
    let [query, root] = world().spans(&parent).try_into().expect("two spans");
    assert_eq!(query.parent_span_id, root.span_id);
    assert_eq!(query.name, "db.find_thing");
    assert_eq!(query.kind, span::SpanKind::Client as i32);
    assert_eq!(
        query.attributes,
        [
            text("db.system.name", "postgresql"),
            text("db.operation.name", "SELECT"),
            text("db.collection.name", "things"),
            text("db.query.summary", "find_thing"),
            text("error.type", "pool_timeout"),
        ]
    );
}

#[tokio::test]
async fn a_log_record_arrives_with_all_that_it_has() {
    let parent = elsewhere();
    let span = telemetry::span("logging")
        .parent(Some(parent.clone()))
        .start();
    let own = span.context().clone();
    span.scope(async {
        tracing::info!(
            count = 3,
            large = u64::MAX,
            share = 0.5,
            sure = true,
            name = "x",
            shown = ?Some(1),
            "something_happened"
        );
        telemetry::critical!("it_broke");
        tracing::debug!("too_detailed");
    })
    .await;
    drop(span);
    let [(scope, info), (_, critical)] = world().logs(&parent).try_into().expect("two records");
    assert_eq!(scope, "otlp");
    assert!(info.time_unix_nano > 1_700_000_000_000_000_000);
    let body = |text: &str| {
        Some(AnyValue {
            value: Some(any_value::Value::StringValue(text.to_owned())),
        })
    };
    let expected = LogRecord {
        time_unix_nano: info.time_unix_nano,
        observed_time_unix_nano: info.time_unix_nano,
        severity_number: 9,
        severity_text: "INFO".to_owned(),
        body: body("something_happened"),
        attributes: vec![
            attribute("count", any_value::Value::IntValue(3)),
            text("large", "18446744073709551615"),
            attribute("share", any_value::Value::DoubleValue(0.5)),
            attribute("sure", any_value::Value::BoolValue(true)),
            text("name", "x"),
            text("shown", "Some(1)"),
        ],
        flags: 1,
        trace_id: bytes(&own.trace_id()),
        span_id: bytes(&own.span_id()),
        ..LogRecord::default()
    };
    assert_eq!(info, expected);
    assert_eq!(critical.severity_number, 21);
    assert_eq!(critical.severity_text, "CRITICAL");
    assert_eq!(critical.body, body("it_broke"));
    assert_eq!(critical.attributes, []);
}

#[test]
fn every_request_says_who_sent_it() {
    let parent = elsewhere();
    drop(telemetry::span("mine").parent(Some(parent.clone())).start());
    assert_eq!(world().spans(&parent).len(), 1);
    for resource in world().resources() {
        assert_eq!(
            resource.attributes,
            [
                text("service.name", "telemetry-test"),
                text("service.version", "1.2.3"),
                text("deployment.environment.name", "test"),
            ]
        );
    }
}
