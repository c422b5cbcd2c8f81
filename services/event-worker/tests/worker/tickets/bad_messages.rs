//! What cannot become part of a ticket is a dead letter with its cause.

use serde_json::json;
use testkit::{Inbound, Record, eventually};

use super::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_message_is_a_dead_letter_and_the_good_one_after_them_is_answered() {
    let fixture = Fixture::start().await;
    let fine = || Inbound::new("sms", "+4917012345678", "hello");
    let of = |channel: &str, handle: &str| Inbound::new(channel, handle, "canary text");
    let many = (0..11).fold(fine(), |message, number| {
        message.alias("web", &format!("account-{number}"), true)
    });
    let mut bad: Vec<(&str, Record, &str)> = [
        ("no address", of("email", "ada"), "invalid_handle"),
        ("no country", of("sms", "0170 12345678"), "invalid_handle"),
        ("no digits", of("whatsapp", "ada"), "invalid_handle"),
        ("no account", of("web", ""), "invalid_handle"),
        (
            "a verified alias that is none",
            fine().alias("email", "ada", true),
            "invalid_handle",
        ),
        ("too many aliases", many, "invalid_message"),
        (
            "nothing written",
            fine().set("text", "  "),
            "invalid_message",
        ),
        (
            "a long text",
            fine().set("text", "x".repeat(50_001)),
            "invalid_message",
        ),
        (
            "a long subject",
            fine().set("subject", "x".repeat(999)),
            "invalid_message",
        ),
        ("a NUL", fine().set("text", "a\u{0}b"), "invalid_message"),
        (
            "another channel",
            fine().set("channel", "fax"),
            "malformed_body",
        ),
        ("no id", fine().set("id", "7"), "malformed_body"),
        (
            "no time",
            fine().set("received_at", "noon"),
            "malformed_body",
        ),
        (
            "a handle that is no text",
            fine().set("handle", 7),
            "malformed_body",
        ),
        (
            "aliases that are no list",
            fine().set("also_known_as", json!({})),
            "malformed_body",
        ),
    ]
    .map(|(what, message, cause)| (what, message.record(), cause))
    .into();
    let typed = |event_type: &str| {
        let mut record = fine().record();
        record
            .headers
            .insert("ce_type".to_owned(), event_type.as_bytes().to_vec());
        record
    };
    bad.push((
        "a newer version",
        typed("chat.inbound.received.v2"),
        "unsupported_version",
    ));
    bad.push((
        "an unknown type",
        typed("chat.inbound.exploded.v1"),
        "unknown_type",
    ));
    bad.push((
        "a tombstone",
        Record {
            body: None,
            ..fine().record()
        },
        "null_payload",
    ));

    let mut sent = Vec::new();
    for (what, mut record, cause) in bad {
        // One key: all of them stand in one partition, before the good one.
        record.key = Some("+4917012345678".to_owned());
        sent.push((what, cause, fixture.channels.send_record(&record).await));
    }
    let good = fine();
    fixture.say(&good).await;
    let topic = [("topic", "chat.inbound.v1")];
    eventually("all of them are counted", || async {
        let dead = fixture
            .worker
            .metrics()
            .await
            .sum("kafka_dead_letters_total", &topic);
        (dead == sent.len() as f64).then_some(())
    })
    .await;
    let letters = fixture.dead_letters().await;
    assert_eq!(letters.len(), sent.len());
    for (what, cause, (partition, offset)) in sent {
        let place = (partition.to_string(), offset.to_string());
        let (found, detail) = &letters[&place];
        assert_eq!(found, cause, "{what}: {detail}");
        assert!(
            !detail.contains("canary") && !detail.contains("1234"),
            "{what}: {detail}"
        );
    }
    assert_eq!(fixture.replies().await.len(), 1);
    assert_eq!(fixture.number("SELECT count(*) FROM customers").await, 1);
    assert_eq!(fixture.worker.probe("/health/ready").await.0, 200);
    fixture.metrics(1.0).await;
}
