//! Tickets are opened, continued and answered, and counted.

use chrono::{TimeDelta, Utc};
use events::contracts::{Channel, Priority};
use serde_json::json;
use testkit::Inbound;

use super::fixture::Fixture;

const CHANNELS: [&str; 4] = ["web", "email", "whatsapp", "sms"];

#[tokio::test(flavor = "multi_thread")]
async fn a_message_on_each_channel_opens_a_ticket_is_answered_and_counted() {
    let fixture = Fixture::start().await;
    let before = fixture.worker.metrics().await;
    for name in [
        "channel_messages_received_total",
        "response_time_seconds_count",
    ] {
        for channel in CHANNELS {
            let labels = [("channel_type", channel)];
            assert!(
                before.has(name, &labels),
                "{name} of {channel} is not there"
            );
            assert_eq!(before.sum(name, &labels), 0.0, "{name} of {channel}");
        }
    }
    assert_eq!(before.matching("tickets_created_total", &[]).count(), 16);
    assert_eq!(before.sum("tickets_created_total", &[]), 0.0);
    for kind in ["created", "matched", "merged", "ambiguous"] {
        let labels = [("resolution_type", kind)];
        assert!(before.has("customer_identity_resolutions_total", &labels));
        assert_eq!(
            before.sum("customer_identity_resolutions_total", &labels),
            0.0
        );
    }

    let received = Utc::now() - TimeDelta::seconds(20);
    let messages = [
        ("web", "visitor-7", "Where is my parcel?", "normal"),
        ("email", "Ada@Example.org", "thanks for the help", "low"),
        ("whatsapp", "4917012345678", "it is broken", "high"),
        ("sms", "+44 20 7946 0018", "this is an emergency", "urgent"),
    ]
    .map(|(channel, handle, text, priority)| {
        let message = Inbound::new(channel, handle, text).set("received_at", json!(received));
        (channel, handle, message, priority)
    });
    for (_, _, message, _) in &messages {
        fixture.say(message).await;
    }

    let replies = fixture.replies().await;
    assert_eq!(replies.len(), messages.len());
    let samples = fixture.metrics(4.0).await;
    for (channel, handle, message, priority) in &messages {
        let [reply] = &replies[&message.id()][..] else {
            panic!("one reply on {channel}");
        };
        assert_eq!(reply.channel.as_str(), *channel);
        assert_eq!(
            reply.handle, *handle,
            "answered as the channel named the sender"
        );
        assert!(reply.opened && reply.text.contains(&format!("#{}", reply.ticket_number)));
        let labels = [("channel_type", *channel)];
        assert_eq!(samples.sum("channel_messages_received_total", &labels), 1.0);
        let labels = [("channel_type", *channel), ("priority", *priority)];
        assert_eq!(
            samples.sum("tickets_created_total", &labels),
            1.0,
            "{labels:?}"
        );
        let labels = [("channel_type", *channel)];
        assert_eq!(samples.sum("response_time_seconds_count", &labels), 1.0);
        let seconds = samples.sum("response_time_seconds_sum", &labels);
        assert!((20.0..2000.0).contains(&seconds), "{seconds} s");
    }
    assert_eq!(samples.sum("tickets_created_total", &[]), 4.0);
    let created = [("resolution_type", "created"), ("success", "true")];
    assert_eq!(
        samples.sum("customer_identity_resolutions_total", &created),
        4.0
    );
    assert_eq!(samples.sum("customer_identity_resolutions_total", &[]), 4.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_goes_on_rises_and_ends_by_silence() {
    let fixture = Fixture::start().await;
    let now = Utc::now();
    let at = |days: i64, text: &str| {
        let received = now - TimeDelta::days(days);
        Inbound::new("email", "ada@example.org", text).set("received_at", json!(received))
    };
    let first = at(40, "thanks for nothing");
    let second = at(30, "it is BROKEN");
    let third = at(29, "anything new?");
    // More than two weeks of silence before this one.
    let fourth = at(10, "hello again");
    let (customer, ticket) = fixture.say(&first).await;
    assert_eq!(fixture.say(&second).await, (customer, ticket));
    assert_eq!(fixture.say(&third).await, (customer, ticket));
    let (same, other) = fixture.say(&fourth).await;
    assert_eq!(same, customer);
    assert_ne!(other, ticket);

    let replies = fixture.replies().await;
    let told = |message: &Inbound| {
        let reply = &replies[&message.id()][0];
        (reply.opened, reply.priority, reply.channel)
    };
    assert_eq!(told(&first), (true, Priority::Low, Channel::Email));
    assert_eq!(told(&second), (false, Priority::High, Channel::Email));
    assert_eq!(told(&third), (false, Priority::High, Channel::Email));
    assert_eq!(told(&fourth), (true, Priority::Normal, Channel::Email));
    const STATUS: &str = "SELECT status FROM tickets WHERE id = $1";
    assert_eq!(fixture.text(STATUS, ticket).await, "closed");
    assert_eq!(fixture.text(STATUS, other).await, "open");

    let samples = fixture.metrics(4.0).await;
    assert_eq!(samples.sum("tickets_created_total", &[]), 2.0);
    let matched = [("resolution_type", "matched"), ("success", "true")];
    assert_eq!(
        samples.sum("customer_identity_resolutions_total", &matched),
        3.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_a_channel_delivers_twice_is_answered_once() {
    let fixture = Fixture::start().await;
    let message = Inbound::new("sms", "+4917012345678", "hello");
    fixture.say(&message).await;
    // The same message in an event of its own, which no inbox knows.
    fixture.channels.send(&message).await;
    let next = Inbound::new("sms", "+4917012345678", "are you there?");
    fixture.say(&next).await;
    let replies = fixture.replies().await;
    assert_eq!(replies[&message.id()].len(), 1);
    assert_eq!(replies[&next.id()].len(), 1);
    fixture.metrics(2.0).await;
}
