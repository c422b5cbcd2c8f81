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

use telemetry::Telemetry;
use testkit::System;
use usage::Usage;
use work::{WORK, Work};

#[tokio::main]
async fn main() {
    println!("{}\n", machine());
    println!(
        "highest rate at which under 1 % fail and 95 of 100 take under 250 ms (events: 1 s to their effect), tried in steps of {}; \
         at half of it, latency from when a request was meant to go, and CPU for an operation\n",
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
        let idle = Usage::resting(&system).await;
        for (work, knee) in WORK.iter().zip(&mut knees) {
            let from = knee.map_or(work.from, |knee| knee / work::FACTOR);
            let found = work.knee(&system, from).await;
            row(&system, work, telemetry, found).await;
            *knee = knee.or(found);
        }
        rests.push((telemetry, idle, Usage::of(&system)));
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

/// Half of the highest rate: the figures that people will have.
async fn row(system: &System, work: &Work, telemetry: Telemetry, knee: Option<f64>) {
    let Some(knee) = knee else {
        println!(
            "| {} | {} | below {} | | | | | | |",
            work.name,
            telemetry.name(),
            work.from
        );
        return;
    };
    let rate = knee / 2.0;
    let before = Usage::of(system);
    let flames = flames::wanted(work, telemetry).map(|of| flames::take(system, of));
    let report = work.steady(system, rate).await;
    let after = Usage::of(system);
    if let Some(flames) = flames {
        flames.await.expect("the profile");
    }
    // What counts in the work's own terms: the effect of an event, the hearing of a
    // message.
    let step = report.steps.iter().find(|step| step.name == work.measured);
    let latency = step
        .and_then(|step| step.corrected.as_ref())
        .expect("the measured step");
    let operations = report.intended as f64;
    let [todo_api, chat_gateway, event_worker] =
        [0, 1, 2].map(|n| (after.0[n].cpu - before.0[n].cpu) * 1e6 / operations);
    let mark = if report.valid {
        ""
    } else {
        " (the generator was late)"
    };
    println!(
        "| {} | {} | {knee:.0} | {rate:.0}{mark} | {:.1} | {:.1} | {todo_api:.0} | {chat_gateway:.0} | {event_worker:.0} |",
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
