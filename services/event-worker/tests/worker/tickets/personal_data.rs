//! Handles and texts show up in no signal.

use testkit::{Inbound, Kafka, eventually};

use super::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn what_people_write_and_who_they_are_is_in_no_signal() {
    let mut fixture = Fixture::start().await;
    assert!(fixture.worker.stop().await.success());
    fixture.worker = fixture
        .parts
        .event_worker()
        .env("LOG_LEVEL", "debug")
        .env("SLOW_QUERY_SECONDS", "0")
        .start()
        .await;
    let messages = [
        Inbound::new("web", "canaryaccount", "canarytext"),
        Inbound::new("email", "canarymail@example.org", "canarytext")
            .set("subject", "canarysubject")
            .alias("web", "canaryaccount", true)
            .alias("phone", "+4917055512345", true),
        Inbound::new("whatsapp", "4917055512345", "canarytext").alias(
            "email",
            "canaryother@example.org",
            false,
        ),
        Inbound::new("sms", "+49 170 555 12345", "canarytext"),
    ];
    for message in &messages {
        fixture.say(message).await;
    }
    // And what becomes a dead letter.
    let bad = [
        Inbound::new("email", "canarybad", "canarytext"),
        Inbound::new("web", "canaryaccount", "canarytext").set("channel", "canarychannel"),
        Inbound::new("web", "canaryaccount", &"canarytext".repeat(6000)),
    ];
    for message in &bad {
        fixture.channels.send(message).await;
    }
    let topic = [("topic", "chat.inbound.v1")];
    let metrics = eventually("the dead letters are counted", || async {
        let samples = fixture.worker.metrics().await;
        (samples.sum("kafka_dead_letters_total", &topic) == 3.0).then_some(samples)
    })
    .await;
    assert_eq!(fixture.replies().await.len(), messages.len());
    assert!(fixture.worker.stop().await.success());
    fixture.worker.log("service_stopped").await;

    let spans = eventually("the spans have come", || async {
        let spans = fixture.parts.otlp.spans();
        let processed = spans
            .iter()
            .filter(|span| span.name == "chat.inbound.v1 process");
        (processed.count() >= messages.len() + bad.len()).then_some(spans)
    })
    .await;
    let signals = [
        ("metrics", format!("{metrics:?}")),
        ("logs", fixture.worker.output().join("\n")),
        ("errors", fixture.worker.errors().join("\n")),
        ("spans", format!("{spans:?}")),
        ("exported logs", format!("{:?}", fixture.parts.otlp.logs())),
    ];
    // The search would find what is there.
    assert!(signals[1].1.contains("message_answered") && signals[1].1.contains("slow_query"));
    assert!(signals[3].1.contains("db.ticket_message_insert"));
    for (name, text) in &signals {
        for secret in ["canary", "55512345", "555 12345"] {
            assert!(!text.contains(secret), "{secret} in {name}");
        }
    }
    // In the dead letters they are: a person must be able to see what was sent.
    let letters = format!("{}chat.inbound.v1.dlq", fixture.parts.prefix);
    let letters = Kafka::new(&fixture.parts.backing.kafka)
        .read(&letters)
        .await;
    let body = letters[0].body.as_deref().expect("a body");
    assert!(String::from_utf8_lossy(body).contains("canary"));
}
