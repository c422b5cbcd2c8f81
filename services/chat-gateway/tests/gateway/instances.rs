//! Several gateways are one: what happens at one is seen at the others.

use serde_json::json;

use super::client::{Gateway, join, socket};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test(flavor = "multi_thread")]
async fn a_message_reaches_a_socket_of_another_instance_within_its_trace() {
    let gateway = Gateway::start().await;
    let other = gateway.another().await;
    let ada = gateway.register("Ada").await;
    let bob = gateway.register("Bob").await;
    let mut here = gateway.socket(&ada).await;
    let mut there = socket(&other, &bob).await;
    join(&mut there, "general").await;
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    here.send(json!({
        "type": "message", "id": "1", "room": "general", "text": "hello", "traceparent": traceparent,
    }))
    .await;
    let own = here.expect("message").await;
    let heard = there.expect("message").await;
    assert_eq!(
        (&heard["id"], &heard["text"]),
        (&own["id"], &json!("hello"))
    );
    assert_eq!(heard["from"], json!({"id": ada.id, "name": "Ada"}));
    for frame in [&own, &heard] {
        let traceparent = frame["traceparent"].as_str().expect("a traceparent");
        assert!(traceparent.contains(TRACE), "{traceparent}");
    }

    // One trace, from the frame that came in to the pushes of both instances.
    let spans = gateway
        .parts
        .otlp
        .trace_with(TRACE, |spans| {
            let count = |name| spans.iter().filter(|span| span.name == name).count();
            let wanted = [
                ("websocket.receive", 1),
                ("db.message_insert", 1),
                ("websocket.push", 2),
            ];
            let missing = wanted.iter().filter(|(name, least)| count(*name) < *least);
            missing.map(|(name, _)| (*name).to_owned()).collect()
        })
        .await;
    let received = spans.iter().find(|span| span.name == "websocket.receive");
    assert_eq!(received.expect("a span").parent_id, "00f067aa0ba902b7");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_at_another_instance() {
    let gateway = Gateway::start().await;
    let other = gateway.another().await;
    let ada = gateway.register("Ada").await;
    let http = reqwest::Client::new();
    let refresh = http
        .post(other.url("/api/auth/refresh"))
        .json(&json!({"refresh_token": ada.refresh}));
    assert_eq!(refresh.send().await.expect("an answer").status(), 200);
    assert_eq!(
        gateway.refresh(&ada.refresh).await.0,
        401,
        "it was used there"
    );
}
