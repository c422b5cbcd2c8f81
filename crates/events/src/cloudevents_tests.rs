use rdkafka::message::{Header, Headers, OwnedHeaders};

use super::*;

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn valid() -> Vec<(&'static str, Option<Vec<u8>>)> {
    [
        ("ce_specversion", "1.0"),
        ("ce_id", "0198c0de-0000-7000-8000-000000000001"),
        ("ce_type", "todo.task.created.v1"),
        ("ce_source", "/glasshouse/todo-api"),
        ("ce_time", "2026-11-21T10:00:00.123456Z"),
        ("content-type", "application/json; charset=utf-8"),
        ("traceparent", TRACEPARENT),
    ]
    .map(|(key, value)| (key, Some(value.as_bytes().to_vec())))
    .to_vec()
}

fn headers(pairs: &[(&str, Option<Vec<u8>>)]) -> OwnedHeaders {
    pairs
        .iter()
        .fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: value.as_ref(),
            })
        })
}

fn with(name: &str, value: Option<&[u8]>) -> Result<Option<Context>, HeaderError> {
    let mut pairs = valid();
    for pair in &mut pairs {
        if pair.0 == name {
            pair.1 = value.map(<[u8]>::to_vec);
        }
    }
    read(Some(&headers(&pairs))).map(|attributes| attributes.context)
}

#[test]
fn what_is_written_is_read_back() {
    let id = Uuid::now_v7();
    let time = "2026-11-21T10:00:00.123456Z".parse().expect("a time");
    let written = write(id, "a.v1", "/here", time).insert(Header {
        key: "traceparent",
        value: Some(TRACEPARENT),
    });
    let read = read(Some(&written)).expect("attributes");
    assert_eq!(
        (read.id, read.event_type, read.source, read.time),
        (id, "a.v1", "/here", time)
    );
    let context = read.context.expect("a context");
    assert_eq!(context.traceparent(), TRACEPARENT);
}

#[test]
fn an_event_needs_no_trace() {
    let written = write(Uuid::now_v7(), "a.v1", "/here", Utc::now());
    assert_eq!(written.count(), 6);
    assert!(read(Some(&written)).expect("attributes").context.is_none());
}

#[test]
fn every_required_attribute_is_asked_for() {
    for name in ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"] {
        let without: Vec<_> = valid()
            .into_iter()
            .filter(|(key, _)| *key != name)
            .collect();
        let error = read(Some(&headers(&without))).expect_err(name);
        assert_eq!(
            (error.clone(), error.cause()),
            (HeaderError::Missing(name), "missing_header")
        );
        assert_eq!(
            with(name, None).expect_err(name),
            HeaderError::Missing(name)
        );
        for bad in [&b""[..], b"\xff\xfe", &[b'x'; 300]] {
            assert_eq!(
                with(name, Some(bad)).expect_err(name),
                HeaderError::Malformed(name)
            );
        }
    }
    let none: Option<&OwnedHeaders> = None;
    assert_eq!(
        read(none).expect_err("none"),
        HeaderError::Missing("ce_specversion")
    );
}

#[test]
fn identity_and_time_must_be_what_they_say() {
    for (name, value) in [
        ("ce_id", "17"),
        ("ce_time", "yesterday"),
        ("ce_time", "2026-11-21T10:00:00"),
    ] {
        let error = with(name, Some(value.as_bytes())).expect_err(value);
        assert_eq!(error, HeaderError::Malformed(name));
    }
}

#[test]
fn other_versions_and_content_types_are_told_apart() {
    let error = with("ce_specversion", Some(b"0.3")).expect_err("version");
    assert_eq!(error.cause(), "unsupported_version");
    let error = with("content-type", Some(b"application/avro")).expect_err("content type");
    assert_eq!(error, HeaderError::ContentType("application/avro".into()));
}

#[test]
fn a_trace_that_cannot_be_read_does_not_cost_the_event() {
    for bad in [&b"00-zz"[..], b"", b"\xff"] {
        assert!(
            with("traceparent", Some(bad))
                .expect("attributes")
                .is_none()
        );
    }
}

#[test]
fn names_have_no_case_and_the_last_one_counts() {
    let mut pairs = valid();
    pairs.push(("CE_TYPE", Some(b"later.v1".to_vec())));
    let headers = headers(&pairs);
    let read = read(Some(&headers)).expect("attributes");
    assert_eq!(read.event_type, "later.v1");
    assert_eq!(event_type(Some(&headers)), Some("later.v1"));
}
