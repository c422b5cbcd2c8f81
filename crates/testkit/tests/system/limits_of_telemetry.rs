//! Telemetry never hurts the service, and stays bounded.

use nix::sys::signal::Signal;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use std::time::Duration;
use testkit::{SystemBuilder, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_paths_and_ids_add_no_series() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let parts = SystemBuilder::new().await;
    let todo = parts.todo_api().start().await;
    let who = parts.keys.user();
    let http = reqwest::Client::new();
    let quiet = http
        .put(todo.admin("/log-level"))
        .json(&json!({"level": "warning"}));
    assert_eq!(quiet.send().await.expect("an answer").status(), 200);
    let send = |path: String| {
        let request = http.get(todo.url(&path)).bearer_auth(&who.token);
        async move { request.send().await.expect("an answer").status().as_u16() }
    };
    assert_eq!(send("/nowhere/warm-up".into()).await, 404);
    assert_eq!(send(format!("/v1/tasks/{}", uuid::Uuid::nil())).await, 404);
    let before = todo.metrics().await;

    let workers = (0..32u64).map(|worker| {
        let mut random = StdRng::seed_from_u64(seed ^ worker);
        let send = &send;
        async move {
            for _ in 0..100_000 / 32 {
                let id = uuid::Uuid::from_u128(random.random());
                let path = if random.random() {
                    format!("/{id}/x")
                } else {
                    format!("/v1/tasks/{id}")
                };
                assert_eq!(send(path).await, 404);
            }
        }
    });
    futures_util::future::join_all(workers).await;

    let after = todo.metrics().await;
    let new: Vec<_> = after
        .values
        .keys()
        .filter(|series| !before.values.contains_key(*series))
        .collect();
    assert_eq!(before.series(), after.series(), "new series: {new:#?}");
    assert!(after.series() <= 2_000, "{} series", after.series());
    assert!(after.sum("http_requests_total", &[("endpoint", "unmatched")]) > 40_000.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_collector_costs_nothing_but_a_count() {
    let parts = SystemBuilder::new().await;
    // Discard port: nothing listens.
    let todo = parts
        .todo_api()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
        .start()
        .await;
    let who = parts.keys.user();
    let http = reqwest::Client::new();
    for _ in 0..20 {
        let created = http
            .post(todo.url("/v1/tasks"))
            .bearer_auth(&who.token)
            .json(&json!({"title": "x"}))
            .send()
            .await;
        assert_eq!(created.expect("an answer").status(), 201);
    }
    eventually("dropped spans are counted", || async {
        let dropped = todo
            .metrics()
            .await
            .sum("telemetry_dropped_total", &[("signal", "traces")]);
        (dropped >= 20.0).then_some(())
    })
    .await;
    let mut todo = todo;
    assert!(
        todo.stop().await.success(),
        "a dead collector must not keep the service from leaving"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_ask_for_its_own_debug_lines() {
    let parts = SystemBuilder::new().await;
    let todo = parts
        .todo_api()
        .env("OTEL_TRACES_SAMPLER", "always_off")
        .start()
        .await;
    let who = parts.keys.user();
    let http = reqwest::Client::new();
    let list = |debug: bool, id: &'static str| {
        let mut request = http
            .get(todo.url("/v1/tasks"))
            .bearer_auth(&who.token)
            .header("x-request-id", id);
        if debug {
            request = request.header("x-debug", "true");
        }
        request.send()
    };
    let plain = list(false, "plain").await.expect("an answer");
    assert_eq!(plain.headers()["x-request-id"], "plain");
    let seconds: f64 = plain.headers()["x-response-time"]
        .to_str()
        .expect("text")
        .parse()
        .expect("seconds");
    assert!(seconds < 5.0);
    list(true, "wordy").await.expect("an answer");
    eventually("the lines of the debugged request", || async {
        let logs = todo.logs();
        let of = |id: &str, message: &str| {
            logs.iter().any(|log| {
                log.fields
                    .get("request_id")
                    .is_some_and(|value| value == id)
                    && log.message == message
            })
        };
        assert!(
            !of("plain", "request_started"),
            "DEBUG line without being asked"
        );
        (of("wordy", "request_started") && of("wordy", "request_completed")).then_some(())
    })
    .await;
    // Its trace is sampled, though the sampler is off; the other's is not.
    eventually("the debugged request's trace", || async {
        let spans = parts.otlp.spans();
        assert!(spans.iter().all(|span| span.service != "todo-api"
            || span.name != "GET /v1/tasks"
            || span.attributes.contains_key("glasshouse.debug")));
        spans
            .iter()
            .any(|span| span.name == "GET /v1/tasks")
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_port_changes_the_log_level_and_takes_a_profile() {
    let parts = SystemBuilder::new().await;
    let todo = parts.todo_api().start().await;
    let http = reqwest::Client::new();
    let put = |level: &'static str| {
        http.put(todo.admin("/log-level"))
            .json(&json!({"level": level}))
            .send()
    };
    assert_eq!(put("debug").await.expect("an answer").status(), 200);
    http.get(todo.url("/v1/tasks"))
        .send()
        .await
        .expect("an answer");
    todo.log("request_started").await;
    assert_eq!(put("loud").await.expect("an answer").status(), 422);

    let profile = http
        .get(todo.admin("/debug/pprof/profile?seconds=1"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(profile.status(), 200);
    assert!(
        profile.bytes().await.expect("a body").len() > 20,
        "an empty profile"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stops_reading_stops_nothing() {
    let parts = SystemBuilder::new().await;
    let todo = parts.todo_api().start().await;
    // A collector that accepts and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let endpoint = format!("http://{}", silent.local_addr().expect("its address"));
    let slow = parts
        .todo_api()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .start()
        .await;
    let who = parts.keys.user();
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .build()
        .expect("a client");
    for service in [&todo, &slow] {
        for _ in 0..50 {
            let answer = http
                .get(service.url("/v1/tasks"))
                .bearer_auth(&who.token)
                .send()
                .await;
            assert_eq!(answer.expect("an answer").status(), 200);
        }
    }
    slow.signal(Signal::SIGTERM);
    let mut slow = slow;
    assert!(slow.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_words_arrive_even_from_a_runtime_with_one_worker() {
    let parts = SystemBuilder::new().await;
    let file = std::env::temp_dir().join(testkit::unique("glasshouse-log"));
    let mut todo = parts
        .todo_api()
        .env("TOKIO_WORKER_THREADS", "1")
        .env("LOG_FILE", file.display().to_string())
        .start()
        .await;
    let who = parts.keys.user();
    let trace_id = uuid::Uuid::new_v4().simple().to_string();
    let listed = reqwest::Client::new()
        .get(todo.url("/v1/tasks"))
        .bearer_auth(&who.token)
        .header("traceparent", format!("00-{trace_id}-00f067aa0ba902b7-01"))
        .send()
        .await;
    assert_eq!(listed.expect("an answer").status(), 200);
    assert!(todo.stop().await.success());

    // Nothing to wait for: the process flushed before it ended.
    let spans = parts.otlp.trace(&trace_id);
    assert!(
        spans.iter().any(|span| span.name == "GET /v1/tasks"),
        "{spans:#?}"
    );
    let logs = parts.otlp.logs();
    assert!(logs.iter().any(|log| log.message == "service_stopped"));
    todo.log("service_stopped").await;
    let written = std::fs::read_to_string(&file).expect("the log file");
    assert!(written.contains("service_stopped") && written.contains(&trace_id));
    std::fs::remove_file(&file).expect("the log file");
}
