//! A server that stalls for one second. What users who came meanwhile had to wait
//! is known without measuring: that is what an honest generator must find.
#![allow(clippy::unwrap_used, reason = "a test's helper fails with it")]

mod scripted;

use std::time::Duration;

use loadtest::{Arrivals, Pace, Plan, Report, Shape, Target, run};
use scripted::{Act, OK, Scripted};
use tokio_util::sync::CancellationToken;

const STALL: Duration = Duration::from_secs(1);
const RATE: f64 = 400.0;
const SECONDS: f64 = 5.0;
/// Of the analytic value.
const TOLERANCE: f64 = 0.02;
/// A run that misses it is made again only if the machine was busy with something
/// else: if the generator, or the server's own timer, was late by a quarter of it.
const RUNS: usize = 5;

/// From the 400th request on, for one second, nothing is answered.
fn stalling() -> Scripted {
    Scripted::start(|n| match n {
        0..400 => Act::Slow(Duration::from_millis(2), OK.to_owned()),
        _ => Act::Stall(STALL, OK.to_owned()),
    })
}

async fn measure(server: &Scripted, pace: Pace, connections: usize) -> Report {
    let target = Target::resolve(&server.url(), false).await.unwrap();
    let plan = Plan {
        connections,
        ..Plan::new(target, pace)
    };
    run(plan, CancellationToken::new()).await.unwrap()
}

#[tokio::test]
async fn the_stall_is_found_as_it_was() {
    let duration = Duration::from_secs_f64(SECONDS);
    for attempt in 1..=RUNS {
        let server = stalling();
        let arrivals = Arrivals::even(Shape::Constant { rate: RATE }, duration);
        let report = measure(&server, Pace::Open(arrivals), 64).await;
        assert_eq!(report.answered, (RATE * SECONDS) as u64);
        assert_eq!(report.errors, 0);

        // The first to come waits for all of it, each later one for as much less
        // as it comes later. One of a hundred of all requests is SECONDS / 100 of
        // the stall: whoever came then has waited for the rest.
        let max = server.stalled().as_secs_f64();
        let p99 = max - SECONDS / 100.0;
        let corrected = report.steps[0].corrected.as_ref().unwrap();
        let half = corrected.above(STALL / 2);
        let off = |found: u64, expected: f64| (found as f64 / 1e9 / expected - 1.0).abs();
        let found = format!(
            "p99 {} ns of {p99} s, max {} ns of {max} s, {half} waited for half of it, late by {} ns",
            corrected.p99, corrected.max, report.lateness.max
        );
        // Everyone who came with half a second of it left is counted as having
        // waited.
        let those = (max - STALL.as_secs_f64() / 2.0) * RATE;
        // (A busy server takes its time for those who waited: more may have.)
        let counted = (those * 0.95..those * 1.2).contains(&(half as f64));
        if counted && off(corrected.p99, p99) < TOLERANCE && off(corrected.max, max) < TOLERANCE {
            return;
        }
        let late = Duration::from_nanos(report.lateness.max);
        let disturbed = late.max(server.stalled() - STALL) > STALL.mul_f64(TOLERANCE / 4.0);
        assert!(disturbed && attempt < RUNS, "{found}");
    }
}

#[tokio::test]
async fn a_closed_loop_misses_it_and_says_what_it_is() {
    let server = stalling();
    let duration = Duration::from_secs(4);
    let report = measure(&server, Pace::Closed { duration }, 2).await;
    assert!(report.valid, "{:?}", report.invalid_because);
    assert_eq!(report.pace, "closed");
    // One request for each connection, however many would have come.
    let service = &report.steps[0].service;
    assert!(report.steps[0].corrected.is_none());
    assert_eq!(service.above(STALL / 2), 2);
}
