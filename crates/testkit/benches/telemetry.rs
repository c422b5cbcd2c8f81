//! `make bench-telemetry`: CPU of todo-api for each request, full telemetry
//! against off, in alternating pairs.
//!
//! The figure is the operating system's account of the service's threads
//! (`/proc/<pid>/task/*/schedstat`), so neither the client's nor the trace
//! receiver's work is in it, though they share the cores.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "asks as the outside does, and prints what it measured"
)]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use testkit::{Database, Service, SystemBuilder, Who, median};

const CONNECTIONS: usize = 32;

#[derive(Clone, Copy)]
enum Load {
    Create,
    Read,
    /// 20 % creates, 70 % reads, 10 % lists.
    Mixed,
}

#[tokio::main]
async fn main() {
    let number = |name: &str, default: usize| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (pairs, requests) = (number("PAIRS", 10), number("REQUESTS", 4000));
    let parts = SystemBuilder::new().await;
    let who = parts.keys.user();
    // A machine that is short of time is measured too: nothing is shed.
    let todo_api = || parts.todo_api().env("OVERLOAD_WAIT_SECONDS", "30");
    let full = todo_api().start().await;
    let other = Database::create(&parts.backing, "todo-api").await;
    let off = todo_api()
        .env("DATABASE_URL", &other.url)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "")
        .env("METRICS_ENABLED", "false")
        .start()
        .await;
    // Not before: the port is read off a log line.
    let silent = reqwest::Client::new()
        .put(off.admin("/log-level"))
        .json(&json!({"level": "off"}));
    assert_eq!(silent.send().await.expect("an answer").status(), 200);

    println!(
        "CPU of todo-api in µs for each request; {CONNECTIONS} connections, {requests} requests a run, {pairs} alternating pairs, medians"
    );
    println!(
        "{:<8} {:>10} {:>10} {:>12} {:>8}",
        "request", "off", "full", "difference", "ratio"
    );
    for (name, load) in [
        ("create", Load::Create),
        ("read", Load::Read),
        ("mixed", Load::Mixed),
    ] {
        // Pools, caches and plans settle first.
        for service in [&off, &full] {
            run(service, &who, load, requests).await;
        }
        let (mut with, mut without, mut differences, mut ratios) = (vec![], vec![], vec![], vec![]);
        for pair in 0..pairs {
            let (a, b) = if pair % 2 == 0 {
                let off = run(&off, &who, load, requests).await;
                (off, run(&full, &who, load, requests).await)
            } else {
                let full = run(&full, &who, load, requests).await;
                (run(&off, &who, load, requests).await, full)
            };
            without.push(a);
            with.push(b);
            differences.push(b - a);
            ratios.push(b / a);
        }
        println!(
            "{name:<8} {:>10.1} {:>10.1} {:>12.1} {:>8.3}",
            median(&mut without),
            median(&mut with),
            median(&mut differences),
            median(&mut ratios)
        );
    }
    complete(&full).await;
}

/// Telemetry that was dropped cost nothing: a run with any is no result.
async fn complete(full: &Service) {
    let metrics = full.metrics().await;
    for signal in ["traces", "logs", "log_lines"] {
        let of = |name| metrics.sum(name, &[("signal", signal)]);
        let dropped = of("telemetry_dropped_total");
        println!(
            "{signal}: {} exported, {dropped} dropped",
            of("telemetry_exported_total")
        );
        assert!(dropped == 0.0, "{dropped} {signal} dropped");
    }
}

/// Sends the requests; returns the service's CPU microseconds for each.
async fn run(service: &Service, who: &Who, load: Load, requests: usize) -> f64 {
    let http = reqwest::Client::builder()
        .pool_max_idle_per_host(CONNECTIONS)
        .build()
        .expect("a client");
    let tasks = service.url("/v1/tasks");
    let create = |http: reqwest::Client, tasks: String, token: String| async move {
        let task = json!({"title": "measure", "priority": "high", "tags": ["bench"]});
        let answer = http
            .post(tasks)
            .bearer_auth(token)
            .json(&task)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 201);
        answer.json::<serde_json::Value>().await.expect("a task")["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    };
    let id = create(http.clone(), tasks.clone(), who.token.clone()).await;
    let next = Arc::new(AtomicUsize::new(0));
    let before = cpu(service);
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (http, next, token) = (http.clone(), Arc::clone(&next), who.token.clone());
            let (tasks, one) = (tasks.clone(), format!("{tasks}/{id}"));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= requests {
                        return;
                    }
                    let what = match load {
                        Load::Create => 0,
                        Load::Read => 5,
                        Load::Mixed => number % 10,
                    };
                    match what {
                        0 | 1 => drop(create(http.clone(), tasks.clone(), token.clone()).await),
                        9 => read(&http, &format!("{tasks}?limit=20"), &token).await,
                        _ => read(&http, &one, &token).await,
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("a connection");
    }
    (cpu(service) - before) / requests as f64
}

async fn read(http: &reqwest::Client, url: &str, token: &str) {
    let answer = http
        .get(url)
        .bearer_auth(token)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.bytes().await.expect("a body");
}

/// CPU microseconds of all threads of the service so far.
fn cpu(service: &Service) -> f64 {
    let threads = fs::read_dir(format!("/proc/{}/task", service.pid())).expect("a running service");
    let nanoseconds: u64 = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok())
        .filter_map(|stat| stat.split_whitespace().next()?.parse::<u64>().ok())
        .sum();
    nanoseconds as f64 / 1e3
}
