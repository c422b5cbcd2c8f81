//! `make bench-system`: where each kind of work breaks, how long it takes at half of
//! that, and what it costs every service: with full telemetry, with metrics only and
//! without any.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "asks as the outside does, and prints what it measured"
)]

mod flames;
mod telemetry;
mod usage;
mod work;

use std::time::Duration;

use telemetry::Telemetry;
use testkit::System;
use tokio::sync::oneshot;
use usage::Services;
use work::{WORK, Work};

/// Of the run at half of the highest rate.
const STEADY: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() {
    println!("{}\n", machine());
    println!(
        "highest rate at which under 1 % fail and 95 of 100 take under 250 ms (events: 1 s to their effect), tried in steps of {}; \
         at half of what full telemetry bears, latency from when a request was meant to go, and CPU for an operation, \
         without what is set up before\n",
        work::FACTOR
    );
    println!(
        "| work | telemetry | highest/s | at | p50 ms | p99 ms | todo-api µs | chat-gateway µs | event-worker µs |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut rests = Vec::new();
    // Of full telemetry: the others begin to search below it.
    let mut knees = [None; WORK.len()];
    for telemetry in [Telemetry::Full, Telemetry::Metrics, Telemetry::Off] {
        let system = telemetry.start().await;
        let services = Services::of(&system);
        let idle = services.resting().await;
        for (work, knee) in WORK.iter().zip(&mut knees) {
            let from = knee.map_or(work.from, |knee| knee / work::FACTOR.powi(2));
            let found = work.knee(&system, from).await;
            *knee = knee.or(found);
            match *knee {
                Some(knee) => row(&system, work, telemetry, found, knee / 2.0).await,
                None => println!(
                    "| {} | {} | below {from} | | | | | | |",
                    work.name,
                    telemetry.name()
                ),
            }
        }
        rests.push((telemetry, idle, services.usage()));
        // After the memory was looked at: to name what it has seen, a service reads
        // its own line tables.
        if telemetry == Telemetry::Full
            && let Some(folder) = std::env::var_os("FLAMES")
        {
            for (work, knee) in WORK.iter().zip(knees) {
                flames::draw(
                    &system,
                    work,
                    knee.unwrap_or(work.from) / 2.0,
                    folder.as_ref(),
                )
                .await;
            }
        }
    }
    println!("\nresident memory in MB, at rest after the start, and after all of the above\n");
    println!("| telemetry | todo-api | chat-gateway | event-worker |\n|---|---|---|---|");
    for (telemetry, idle, after) in rests {
        print!("| {} ", telemetry.name());
        for (idle, after) in idle.0.iter().zip(&after.0) {
            print!(
                "| {:.1} → {:.1} ",
                idle.resident / 1e6,
                after.resident / 1e6
            );
        }
        println!("|");
    }
}

/// At a rate that all bear: the figures that people will have.
async fn row(system: &System, work: &Work, telemetry: Telemetry, highest: Option<f64>, rate: f64) {
    let services = Services::of(system);
    let (tell, before) = oneshot::channel();
    // Nobody waits any more if the run broke, and that is told below.
    let begun = move || drop(tell.send(services.usage()));
    let report = work.steady(system, rate, STEADY, begun).await;
    let (before, after) = (before.await.expect("a run"), services.usage());
    // What counts in the work's own terms: the effect of an event, the hearing of a
    // message.
    let step = report.steps.iter().find(|step| step.name == work.measured);
    let latency = step
        .and_then(|step| step.corrected.as_ref())
        .expect("the measured step");
    let operations = report.intended as f64;
    let [todo_api, chat_gateway, event_worker] =
        [0, 1, 2].map(|n| (after.0[n].cpu - before.0[n].cpu) * 1e6 / operations);
    let highest = highest.map_or("less".to_owned(), |highest| format!("{highest:.0}"));
    let mark = match (
        report.valid,
        step.is_some_and(|step| step.failures.is_empty()),
    ) {
        (true, true) => "",
        (true, false) => " (some failed)",
        (false, _) => " (the generator was late)",
    };
    println!(
        "| {} | {} | {highest} | {rate:.0}{mark} | {:.1} | {:.1} | {todo_api:.0} | {chat_gateway:.0} | {event_worker:.0} |",
        work.name,
        telemetry.name(),
        latency.p50 as f64 / 1e6,
        latency.p99 as f64 / 1e6,
    );
}

fn machine() -> String {
    let machine = loadtest::Machine::this();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{} × {}, {} MB, Linux {}; load before the run {}",
        machine.cores,
        machine.processor,
        machine.memory_mb,
        machine.kernel,
        load.split(' ').next().unwrap_or_default()
    )
}
