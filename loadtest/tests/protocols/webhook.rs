//! Signed webhooks, checked by a receiver that computes the signature itself.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::server::serve;
use crate::{of_steps, row, run};

const SECRET: &[u8] = b"between us";

fn right(signed: &[&[u8]], given: &[u8]) -> StatusCode {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    signed.iter().for_each(|part| mac.update(part));
    match mac.verify_slice(given) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::UNAUTHORIZED,
    }
}

async fn github(headers: HeaderMap, body: Bytes) -> StatusCode {
    let hex = headers["x-hub-signature-256"]
        .to_str()
        .unwrap()
        .strip_prefix("sha256=")
        .unwrap();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let given: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
    right(&[&body], &given)
}

async fn standard(headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let (id, time, signature) = (
        header("webhook-id"),
        header("webhook-timestamp"),
        header("webhook-signature"),
    );
    let given = signature.strip_prefix("v1,").unwrap();
    let given = base64::engine::general_purpose::STANDARD
        .decode(given)
        .unwrap();
    let age = chrono::Utc::now().timestamp() - time.parse::<i64>().unwrap();
    assert!((0..5).contains(&age), "{age}");
    right(&[id.as_bytes(), b".", time.as_bytes(), b".", &body], &given)
}

#[tokio::test]
async fn both_schemes_are_accepted_and_the_wrong_share_is_refused() {
    let routes = Router::new()
        .route("/github", post(github))
        .route("/standard", post(standard));
    let server = serve(routes);
    let steps = |path: &str, scheme: &str| {
        format!(
            r#"
      - name: {path}
        webhook:
          target: it
          request: POST /{path}
          json: {{ event: "{{{{words 2}}}}" }}
          signature: {{ scheme: {scheme}, secret: between us, wrong: 25% }}"#
        )
    };
    let steps = of_steps(&(steps("github", "github") + &steps("standard", "standard_webhooks")));
    let report = run(&server.address, &steps).await;
    assert_eq!(report.errors, 0, "{:?}", report.steps);
    for name in ["github", "standard"] {
        let statuses = &row(&report, name).statuses;
        let refused = statuses.get(&401).copied().unwrap_or(0);
        assert_eq!(statuses[&204] + refused, 40);
        // Binomial, mean 10: five deviations.
        assert!((1..=24).contains(&refused), "{refused}");
    }
}
