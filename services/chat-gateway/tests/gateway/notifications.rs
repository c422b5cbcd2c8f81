//! Notifications: pushed to whoever is there, kept for whoever is not.

use chrono::Utc;
use events::contracts::{Event, Notification};
use serde_json::json;
use testkit::{Kafka, Record, eventually};
use uuid::Uuid;

use super::client::{Gateway, Person, socket};

/// As the worker sends it.
pub(crate) async fn remind(gateway: &Gateway, who: &Person, title: &str) -> Record {
    let now = Utc::now();
    let event = Notification {
        id: Uuid::now_v7(),
        user_id: who.id,
        kind: Notification::REMINDER.to_owned(),
        task_id: Uuid::now_v7(),
        title: title.to_owned(),
        reminder_id: Some(Uuid::now_v7()),
        time_zone: None,
        remind_at: now,
        fired_at: now,
    };
    let headers = [
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", event.id.to_string()),
        ("ce_type", event.event_type().to_owned()),
        ("ce_source", event.source().to_owned()),
        ("ce_time", now.to_rfc3339()),
        ("content-type", "application/json".to_owned()),
    ];
    let record = Record {
        key: Some(event.key()),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.into_bytes()))
            .into(),
        body: Some(serde_json::to_vec(&event).expect("JSON")),
        ..Record::default()
    };
    send(gateway, &record).await;
    record
}

async fn send(gateway: &Gateway, record: &Record) {
    let topic = format!("{}notifications.v1", gateway.parts.prefix);
    let kafka = Kafka::new(&gateway.parts.backing.kafka);
    kafka.send(&topic, record).await;
}

pub(crate) async fn counted(gateway: &Gateway, status: &str, count: f64) {
    let what = format!("{count} notifications {status}");
    eventually(&what, || async {
        let samples = gateway.service.metrics().await;
        (samples.sum("notifications_total", &[("status", status)]) == count).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_is_told_on_connecting_and_once() {
    let gateway = Gateway::start().await;
    let ada = gateway.register("Ada").await;
    let bob = gateway.register("Bob").await;
    remind(&gateway, &ada, "water the plants").await;
    remind(&gateway, &ada, "feed the cat").await;
    counted(&gateway, "stored", 2.0).await;

    let mut stranger = gateway.socket(&bob).await;
    let mut socket = gateway.socket(&ada).await;
    for title in ["water the plants", "feed the cat"] {
        let told = socket.expect("notification").await;
        assert_eq!(told["notification"]["title"], title);
        assert_eq!(told["notification"]["kind"], "reminder");
    }
    counted(&gateway, "delivered", 2.0).await;

    // Told once: the next socket hears only what is new.
    let mut second = gateway.socket(&ada).await;
    remind(&gateway, &ada, "call mum").await;
    for socket in [&mut socket, &mut second] {
        let told = socket.expect("notification").await;
        assert_eq!(told["notification"]["title"], "call mum");
    }
    let (status, list) = gateway.get("/api/notifications", &ada).await;
    let items = list["items"].as_array().expect("items");
    assert_eq!((status, items.len()), (200, 3));

    // Nobody else hears of it.
    let (_, list) = gateway.get("/api/notifications", &bob).await;
    assert_eq!(list["items"], json!([]));
    stranger.send(json!({"type": "ping"})).await;
    let next = stranger.next().await.expect("a frame");
    assert_eq!(next["type"], "pong");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_is_pushed_by_the_instance_that_has_the_socket_and_not_twice() {
    let gateway = Gateway::start().await;
    let other = gateway.another().await;
    let ada = gateway.register("Ada").await;
    // One of the two consumes it, and each has a socket.
    let mut sockets = [gateway.socket(&ada).await, socket(&other, &ada).await];
    let record = remind(&gateway, &ada, "first").await;
    for socket in &mut sockets {
        let told = socket.expect("notification").await;
        assert_eq!(told["notification"]["title"], "first");
    }
    send(&gateway, &record).await;
    remind(&gateway, &ada, "second").await;
    for socket in &mut sockets {
        let told = socket.expect("notification").await;
        assert_eq!(
            told["notification"]["title"], "second",
            "the first one came twice"
        );
    }
}
