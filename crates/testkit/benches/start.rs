//! `make bench-start`: exec → ready, resident memory at rest, the time to
//! render `/metrics`, the size of the binaries.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "asks as the outside does, and prints what it measured"
)]

use std::fs;
use std::time::{Duration, Instant};

use testkit::{Service, SystemBuilder, median};

const RUNS: usize = 11;

#[tokio::main]
async fn main() {
    let parts = SystemBuilder::new().await;
    println!(
        "{:<14} {:>14} {:>14} {:>14} {:>14}",
        "service", "ready ms", "idle RSS MB", "/metrics ms", "binary MB"
    );
    for name in ["todo-api", "event-worker", "chat-gateway"] {
        let builder = match name {
            "todo-api" => parts.todo_api(),
            "event-worker" => parts.event_worker(),
            _ => parts.chat_gateway("http://127.0.0.1:9"),
        };
        // The first start migrates; that is not what is measured.
        drop(builder.start().await);
        // A port known beforehand: the log line that tells it is written up to
        // 100 ms after the service is there.
        let admin = free_port().await;
        let builder = builder.env("ADMIN_LISTEN_ADDRESS", &admin);
        let http = reqwest::Client::new();
        let mut ready = Vec::new();
        for _ in 0..RUNS {
            let started = Instant::now();
            let mut service = builder.spawn();
            let probe = || http.get(format!("http://{admin}/health/ready")).send();
            while !probe().await.is_ok_and(|answer| answer.status() == 200) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            ready.push(started.elapsed().as_secs_f64() * 1e3);
            service.stop().await;
        }
        let service = builder.start().await;
        // At rest: after the first checks and exports.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let render = rendering(&service).await;
        println!(
            "{name:<14} {:>14.1} {:>14.1} {:>14.2} {:>14.1}",
            median(&mut ready),
            resident(&service),
            render,
            fs::metadata(service.program()).map_or(0.0, |file| file.len() as f64 / 1e6),
        );
    }
    println!("medians of {RUNS} runs; ready: from exec to 200 on /health/ready, dependencies up");
}

async fn free_port() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let address = listener.and_then(|listener| listener.local_addr());
    address.expect("a port").to_string()
}

async fn rendering(service: &Service) -> f64 {
    let http = reqwest::Client::new();
    let mut times = Vec::new();
    for _ in 0..50 {
        let started = Instant::now();
        let answer = http
            .get(service.admin("/metrics"))
            .send()
            .await
            .expect("/metrics");
        answer.bytes().await.expect("a body");
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    median(&mut times)
}

fn resident(service: &Service) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1e3
}
