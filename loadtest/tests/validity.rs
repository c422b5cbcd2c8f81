//! A run that the generator could not keep is no result, and says why.
#![allow(clippy::unwrap_used, reason = "a test's helper fails with it")]

mod scripted;

use std::time::Duration;

use loadtest::{Arrivals, Pace, Plan, Report, Shape, Summary, Target, run};
use scripted::{Act, Scripted, ok};
use tokio_util::sync::CancellationToken;

async fn plan(server: &Scripted, rate: f64, duration: Duration) -> Plan {
    let target = Target::resolve(&server.url(), false).await.unwrap();
    let arrivals = Arrivals::even(Shape::Constant { rate }, duration);
    Plan::new(target, Pace::Open(arrivals))
}

fn refuses_to_be_quoted(report: &Report, why: &str) {
    assert!(!report.valid);
    let text = Summary(report).to_string();
    assert!(text.contains("INVALID") && text.contains(why), "{text}");
    assert!(!text.contains("service time"), "{text}");
}

#[tokio::test]
async fn requests_that_never_went_make_it_invalid() {
    let server = Scripted::start(|_| Act::Silence);
    let plan = Plan {
        connections: 2,
        waiting: 10,
        timeout: Duration::from_millis(500),
        ..plan(&server, 100.0, Duration::from_secs(1)).await
    };
    let report = run(plan, CancellationToken::new()).await.unwrap();
    assert!(report.unsent > 0);
    refuses_to_be_quoted(&report, "never sent, as all 2 connections were busy");
}

#[tokio::test]
async fn a_target_without_an_answer_has_no_latency() {
    let server = Scripted::start(|_| Act::Reset);
    let plan = plan(&server, 100.0, Duration::from_millis(300)).await;
    let report = run(plan, CancellationToken::new()).await.unwrap();
    assert_eq!(report.errors, report.intended);
    refuses_to_be_quoted(&report, "no request was answered");
}

#[tokio::test]
async fn a_generator_that_cannot_keep_up_says_so() {
    let server = Scripted::start(|_| ok());
    let plan = Plan {
        waiting: 5_000,
        ..plan(&server, 10_000_000.0, Duration::from_millis(100)).await
    };
    let report = run(plan, CancellationToken::new()).await.unwrap();
    refuses_to_be_quoted(&report, "the generator could not keep its schedule");
}

#[tokio::test]
async fn a_stopped_run_reports_what_it_has() {
    let server = Scripted::start(|n| if n < 20 { ok() } else { Act::Silence });
    let plan = plan(&server, 200.0, Duration::from_secs(600)).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(run(plan, stop.clone()));
    while server.requests() < 30 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    let report = running.await.unwrap().unwrap();
    assert!(report.interrupted);
    assert_eq!(report.answered, 20);
    assert_eq!(report.cut_off, report.intended - 20);
    assert!(Summary(&report).to_string().contains("stopped early"));
}
