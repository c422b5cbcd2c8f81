//! `make bench-telemetry`: CPU of todo-api for each request, full telemetry
//! against off, in alternating pairs.
//!
//! The figure is the operating system's account of the service's threads
//! (`/proc/<pid>/task/*/schedstat`), so neither the client's nor the trace
//! receiver's work is in it, though they share the cores. It is taken from the
//! beginning of a turn to the beginning of the service's next: what it sends and
//! counts after its answers, while the other has its turn, is part of them.
//!
//! A service remembers tokens that it has verified, as a user's requests mostly come
//! with the same one. Both are measured: each request with a token of its own, and
//! all with one.
//!
//! A pair is many short turns of both sides: a virtual machine's speed changes
//! from second to second, by more than what is measured.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "asks as the outside does, and prints what it measured"
)]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use futures_util::StreamExt as _;
use futures_util::future::ready;
use serde_json::json;
use testkit::{Database, Service, SystemBuilder, Who, median};
use tokio::net::TcpListener;

const CONNECTIONS: usize = 32;
/// Of each side in a pair, one after the other.
const TURNS: usize = 10;
/// More than a service remembers, so that each is verified whenever it comes.
const TOKENS: usize = 5000;

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
    let full = todo_api()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver().await)
        .start()
        .await;
    full.discard_output();
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
        "CPU of todo-api in µs for each request; {CONNECTIONS} connections, {pairs} pairs of {requests} requests a side, in {TURNS} turns each; medians"
    );
    println!(
        "{:<8} {:<10} {:>10} {:>10} {:>12} {:>8}",
        "request", "token", "off", "full", "difference", "ratio"
    );
    let remembered = vec![who.token.clone()];
    let verified = (0..TOKENS)
        .map(|n| parts.keys.token(who.id, 3600 + n as i64))
        .collect();
    let mut sides = [Side::new(&off), Side::new(&full)];
    for (of_tokens, tokens) in [("verified", verified), ("remembered", remembered)] {
        let tokens = Arc::new(tokens);
        for (name, load) in [
            ("create", Load::Create),
            ("read", Load::Read),
            ("mixed", Load::Mixed),
        ] {
            // Pools, caches and plans settle first.
            for side in &mut sides {
                side.begin(&who).await;
                side.turn(&tokens, load, requests).await;
            }
            // One more of each only ends the account of the one before it.
            for turn in 0..=pairs * TURNS {
                for place in 0..2 {
                    let side = &mut sides[(turn + place) % 2];
                    side.turn(&tokens, load, requests / TURNS).await;
                }
            }
            let [off, full] = sides.each_mut().map(|side| side.take(pairs, requests));
            print(name, of_tokens, off, full);
        }
    }
    complete(&full).await;
}

/// Takes whatever is exported and keeps nothing: what a receiver does with it is its
/// own cost, and one that decodes on these cores takes their caches from the
/// service.
async fn receiver() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let take = |body: Body| body.into_data_stream().for_each(|_| ready(()));
    let router = Router::new().fallback(take);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
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

/// What is measured against the other.
struct Side<'a> {
    service: &'a Service,
    http: reqwest::Client,
    /// What is read.
    task: String,
    /// Requests so far: each takes the next token.
    asked: usize,
    /// All that was spent when each turn began.
    spent: Vec<f64>,
}

impl<'a> Side<'a> {
    fn new(service: &'a Service) -> Self {
        let http = reqwest::Client::builder()
            .pool_max_idle_per_host(CONNECTIONS)
            .build()
            .expect("a client");
        Self {
            service,
            http,
            task: String::new(),
            asked: 0,
            spent: Vec::new(),
        }
    }

    /// Before a load: a task to be read.
    async fn begin(&mut self, who: &Who) {
        let tasks = self.service.url("/v1/tasks");
        let id = create(&self.http, &tasks, &who.token).await;
        self.task = format!("{tasks}/{id}");
    }

    /// Sends requests, on the connections that are there.
    async fn turn(&mut self, tokens: &Arc<Vec<String>>, load: Load, requests: usize) {
        self.spent.push(cpu(self.service));
        let first = self.asked;
        self.asked += requests;
        let next = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let (http, next, tokens) =
                    (self.http.clone(), Arc::clone(&next), Arc::clone(tokens));
                let (tasks, one) = (self.service.url("/v1/tasks"), self.task.clone());
                tokio::spawn(async move {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= requests {
                            return;
                        }
                        let token = &tokens[(first + number) % tokens.len()];
                        let what = match load {
                            Load::Create => 0,
                            Load::Read => 5,
                            Load::Mixed => number % 10,
                        };
                        match what {
                            0 | 1 => drop(create(&http, &tasks, token).await),
                            9 => read(&http, &format!("{tasks}?limit=20"), token).await,
                            _ => read(&http, &one, token).await,
                        }
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.expect("a connection");
        }
    }

    /// Microseconds for a request, of each pair.
    fn take(&mut self, pairs: usize, requests: usize) -> Vec<f64> {
        // The first turn was for settling.
        let spent = self.spent.split_off(1);
        self.spent.clear();
        let sent = (requests / TURNS * TURNS) as f64;
        let at = |pair: usize| spent[pair * TURNS];
        (0..pairs)
            .map(|pair| (at(pair + 1) - at(pair)) / sent)
            .collect()
    }
}

fn print(load: &str, token: &str, mut off: Vec<f64>, mut full: Vec<f64>) {
    let both = || off.iter().zip(&full);
    let mut differences: Vec<f64> = both().map(|(off, full)| full - off).collect();
    let mut ratios: Vec<f64> = both().map(|(off, full)| full / off).collect();
    println!(
        "{load:<8} {token:<10} {:>10.1} {:>10.1} {:>12.1} {:>8.3}",
        median(&mut off),
        median(&mut full),
        median(&mut differences),
        median(&mut ratios)
    );
}

async fn create(http: &reqwest::Client, tasks: &str, token: &str) -> String {
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
