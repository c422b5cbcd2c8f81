//! The OpenAPI document is true: schemathesis sends what it allows and what it
//! does not, and compares every answer with what it promises.
//!
//! `make test-api`; `SEED=…` repeats a run.
#![allow(clippy::disallowed_methods, reason = "asks as the outside does")]

use std::process::Command;

use testkit::SystemBuilder;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs schemathesis: make test-api"]
async fn every_answer_is_as_documented() {
    let program = std::env::var("SCHEMATHESIS").expect("SCHEMATHESIS, its program: make test-api");
    let seed: u32 = match std::env::var("SEED") {
        Ok(seed) => seed.parse().expect("SEED is a number"),
        Err(_) => rand::random(),
    };
    println!("seed {seed}");
    let parts = SystemBuilder::new().await;
    let todo_api = parts.todo_api().start().await;
    let user = parts.keys.user();
    let status = tokio::task::spawn_blocking({
        let document = todo_api.url("/openapi.json");
        let config = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/schemathesis/schemathesis.toml"
        );
        move || {
            Command::new(program)
                .args(["--config-file", config, "run", &document])
                .args(["--seed", &seed.to_string()])
                .args(["--header", &format!("Authorization: Bearer {}", user.token)])
                .status()
        }
    });
    let status = status.await.expect("a thread").expect("schemathesis runs");
    assert!(status.success(), "SEED={seed} {status}");

    let samples = todo_api.metrics().await;
    let count = |labels: &[(&str, &str)]| samples.sum("http_requests_total", labels);
    let asked = count(&[]);
    assert!(asked > 500.0, "only {asked} requests were sent");
    for error in ["500", "502", "503", "504"] {
        let all = count(&[("status", error)]);
        // A probe may have asked while the service was starting.
        let probes = count(&[("status", error), ("endpoint", "/health/ready")]);
        assert_eq!(all - probes, 0.0, "{error} of {asked}");
    }
    println!("{asked} requests, SEED={seed}");
}
