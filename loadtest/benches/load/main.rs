//! `make bench-load`: what the generator can do beside wrk and oha (or hey), how
//! late it sends, and whether it finds a stall. The server has one core, whoever
//! loads it another; the tools take turns, and what is compared are the rounds'
//! ratios, so that a machine that is busy with something else is so for all.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "prints what it measured, and ends at what it did not expect"
)]

mod pauses;
mod server;
mod tools;

use std::env;
use std::time::Duration;

use pauses::Pauses;
use server::Server;
use tools::{CONNECTIONS, Run, Tool};

/// Of the analytic value.
const TOLERANCE: f64 = 0.02;
const STALL: Duration = Duration::from_secs(1);
/// Requests a second, and seconds, of the run that meets the stall.
const STALLED_RATE: f64 = 400.0;
const STALLED_SECONDS: f64 = 5.0;

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if arguments.get(1).is_some_and(|first| first == "serve") {
        let stall_at = arguments.get(2).and_then(|at| at.parse().ok());
        return server::serve(stall_at.map(|at| (at, STALL)));
    }
    if arguments.get(1).is_some_and(|first| first == "pauses") {
        return pauses::look(arguments[2].parse().expect("milliseconds"));
    }
    let rounds: usize = setting("ROUNDS", 7);
    let seconds: usize = setting("ROUND_SECONDS", 3);
    println!("{}", machine());
    let fastest = rates(rounds, seconds);
    lateness(fastest / 2.0, rounds, seconds);
    stall();
}

/// The highest rates, by turns. Returns our own.
fn rates(rounds: usize, seconds: usize) -> f64 {
    let server = Server::start(None);
    let tools = Tool::found();
    let mut runs: Vec<Vec<Run>> = vec![Vec::new(); tools.len()];
    for round in 0..rounds {
        for turn in 0..tools.len() {
            let tool = (round + turn) % tools.len();
            runs[tool].push(tools[tool].run(&server, seconds));
        }
    }
    println!(
        "\nhighest rate, closed loop, one core, {CONNECTIONS} connections; medians of {rounds} rounds of {seconds} s by turns"
    );
    println!(
        "{:<10} {:>12} {:>12} {:>16} {:>16}",
        "", "requests/s", "CPU µs each", "its core busy %", "server busy %"
    );
    for (tool, runs) in tools.iter().zip(&runs) {
        println!(
            "{:<10} {:>12.0} {:>12.2} {:>16.0} {:>16.0}",
            tool.name(),
            median(runs.iter().map(|run| run.rate)),
            median(runs.iter().map(|run| run.cpu_each() * 1e6)),
            median(runs.iter().map(|run| run.busy() * 100.0)),
            median(runs.iter().map(|run| run.server_busy() * 100.0)),
        );
    }
    let ours = &runs[0];
    for (tool, theirs) in tools.iter().zip(&runs).skip(1) {
        let ratio = median(
            ours.iter()
                .zip(theirs)
                .map(|(our, their)| our.rate / their.rate),
        );
        let cpu = median(
            ours.iter()
                .zip(theirs)
                .map(|(our, their)| our.cpu_each() / their.cpu_each()),
        );
        goal(
            ratio >= tool.goal(),
            &format!(
                "rate {ratio:.2} of {}'s, goal {:.2} (CPU for a request {cpu:.2} of its)",
                tool.name(),
                tool.goal()
            ),
        );
    }
    median(ours.iter().map(|run| run.rate))
}

/// How late requests go at half of the highest rate.
fn lateness(rate: f64, rounds: usize, seconds: usize) {
    let server = Server::start(None);
    let (mut p50, mut p99, mut shares) = (vec![], vec![], vec![]);
    let mut longest = Duration::ZERO;
    for _ in 0..rounds {
        let core = Pauses::of_core(Duration::from_secs(1));
        shares.push(core.share);
        longest = longest.max(core.longest);
        let run = tools::open_loop(&server, rate, seconds as f64);
        let found = |name: &str| run["lateness"][name].as_f64().unwrap() / 1e3;
        p50.push(found("p50"));
        p99.push(found("p99"));
    }
    println!(
        "\nsend lateness at {rate:.0}/s, half of its own highest; medians of {rounds} runs of {seconds} s"
    );
    let least = p99.iter().copied().fold(f64::INFINITY, f64::min);
    let (p50, p99) = (median(p50), median(p99));
    println!("p50 {p50:.0} µs   p99 {p99:.0} µs (the best run {least:.0})");
    println!(
        "the core itself, for a second before each run: away for {:.1} % of the time in pauses above {} µs, the longest {:.1} ms",
        median(shares) * 100.0,
        pauses::ABOVE.as_micros(),
        longest.as_secs_f64() * 1e3
    );
    goal(p99 <= 200.0, "send lateness p99 at most 200 µs");
}

/// A server that does nothing for a second: the first to come waits for all of
/// it, each later one for as much less as it comes later.
fn stall() {
    let server = Server::start(Some((STALLED_RATE * 2.0) as u64));
    let run = tools::open_loop(&server, STALLED_RATE, STALLED_SECONDS);
    let max = server.stalled().as_secs_f64();
    let p99 = max - STALLED_SECONDS / 100.0;
    let latency = &run["steps"][0]["corrected"];
    let found = |name: &str| latency[name].as_f64().unwrap() / 1e9;
    println!(
        "\na stall of {:.1} ms, {STALLED_RATE}/s for {STALLED_SECONDS} s",
        max * 1e3
    );
    for (name, analytic) in [("p99", p99), ("max", max)] {
        let off = found(name) / analytic - 1.0;
        goal(
            off.abs() <= TOLERANCE,
            &format!(
                "{name} {:.1} ms, analytic {:.1} ms: {:+.2} %, goal within 2 %",
                found(name) * 1e3,
                analytic * 1e3,
                off * 100.0
            ),
        );
    }
}

fn goal(holds: bool, what: &str) {
    println!(
        "{} {what}",
        if holds {
            "holds         "
        } else {
            "DOES NOT HOLD "
        }
    );
}

fn setting(name: &str, default: usize) -> usize {
    env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn machine() -> String {
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model)
        .to_owned();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!("{cores} × {model}; load before the run {load}")
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[half - 1], values[half])
    } else {
        values[half]
    }
}
