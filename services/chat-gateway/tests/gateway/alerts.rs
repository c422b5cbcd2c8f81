//! Alertmanager's webhook, and who hears of it.

use serde_json::json;

use super::client::{Gateway, join};

const TOKEN: &str = "6a1f0c";

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_told_in_ops_by_whoever_has_the_token() {
    let gateway = Gateway::start_with(&[("ALERT_WEBHOOK_TOKEN", TOKEN)]).await;
    let ada = gateway.register("Ada").await;
    let mut socket = gateway.socket(&ada).await;
    join(&mut socket, "ops").await;
    let notice = json!({ "version": "4", "status": "firing", "alerts": [{
        "status": "firing", "labels": {"alertname": "KafkaDown", "severity": "critical"},
        "annotations": {"summary": "Kafka does not answer"}, "startsAt": "2026-11-21T00:00:00Z",
    }]});
    let post = async |token: Option<&str>| {
        let path = "/hooks/alerts";
        gateway
            .call(reqwest::Method::POST, path, token, Some(&notice))
            .await
            .0
    };
    assert_eq!(post(None).await, 401);
    assert_eq!(post(Some("6a1f0d")).await, 401);
    assert_eq!(post(Some(&ada.token)).await, 401);
    assert_eq!(post(Some(TOKEN)).await, 204);
    let told = socket.expect("message").await;
    assert_eq!(told["from"]["name"], "Alertmanager");
    assert_eq!(
        told["text"],
        "🔥 KafkaDown (critical): Kafka does not answer"
    );
    let samples = gateway.service.metrics().await;
    assert_eq!(
        samples.sum("alerts_received_total", &[("status", "firing")]),
        1.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_there_is_no_webhook_and_nobody_is_alertmanager() {
    let gateway = Gateway::start().await;
    let notice = json!({ "alerts": [] });
    let (status, _) = gateway
        .call(
            reqwest::Method::POST,
            "/hooks/alerts",
            Some(""),
            Some(&notice),
        )
        .await;
    assert_eq!(status, 404);
    for password in ["!", ""] {
        let login = json!({"email": "alertmanager@glasshouse.invalid", "password": password});
        let (status, _) = gateway
            .call(reqwest::Method::POST, "/api/auth/login", None, Some(&login))
            .await;
        assert_eq!(status, 401, "{password:?}");
    }
}
