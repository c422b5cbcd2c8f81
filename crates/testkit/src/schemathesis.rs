//! Holds a service against its OpenAPI document.

use std::process::Command;

use crate::Service;

/// Has schemathesis send what the document of `service` allows and what it does not,
/// and compare every answer with what it promises; `SEED=…` repeats a run. `folder`
/// holds its configuration, `schemathesis.toml`.
///
/// # Panics
/// When an answer is not as documented, or the service could not do its work.
#[allow(clippy::print_stdout, reason = "a test tells its seed")]
pub async fn hold_to_document(service: &Service, folder: &'static str, token: &str) {
    let program = std::env::var("SCHEMATHESIS").expect("SCHEMATHESIS, its program: make test-api");
    let seed: u32 = match std::env::var("SEED") {
        Ok(seed) => seed.parse().expect("SEED is a number"),
        Err(_) => rand::random(),
    };
    println!("seed {seed}");
    let (document, header) = (
        service.url("/openapi.json"),
        format!("Authorization: Bearer {token}"),
    );
    let status = tokio::task::spawn_blocking(move || {
        Command::new(program)
            .current_dir(folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .args(["--config-file", "schemathesis.toml", "run", &document])
            .args(["--checks", "all", "--seed", &seed.to_string()])
            .args(["--header", &header])
            .status()
    });
    let status = status.await.expect("a thread").expect("schemathesis runs");
    assert!(status.success(), "SEED={seed} {status}");

    let samples = service.metrics().await;
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
