//! Servers that misbehave: every request has one outcome, of the right name.
#![allow(clippy::unwrap_used, reason = "a test's helper fails with it")]

mod scripted;

use std::time::Duration;

use loadtest::{Arrivals, Failure, Pace, Plan, Report, RunError, Shape, Target, run};
use scripted::{Act, OK, Scripted, ok};
use tokio_util::sync::CancellationToken;

const REQUESTS: u64 = 200;

async fn plan(server: &Scripted) -> Plan {
    let target = Target::resolve(&server.url(), false).await.unwrap();
    let shape = Shape::Constant { rate: 400.0 };
    let arrivals = Arrivals::even(shape, Duration::from_millis(500));
    Plan {
        connections: 16,
        // On a busy machine the generator may be late: not what is tested here.
        lateness: Duration::from_secs(60),
        ..Plan::new(target, Pace::Open(arrivals))
    }
}

/// Runs, and asserts that outcomes add up.
async fn report(plan: Plan) -> Report {
    let report = run(plan, CancellationToken::new()).await.unwrap();
    let failed: u64 = report.steps[0].failures.values().sum();
    let known = report.answered + failed + report.unsent + report.cut_off;
    assert_eq!(report.intended, REQUESTS);
    assert_eq!(known, REQUESTS);
    report
}

async fn against(script: impl Fn(u64) -> Act + Send + Sync + 'static) -> Report {
    let server = Scripted::start(script);
    report(plan(&server).await).await
}

fn failed(report: &Report, failure: Failure) -> u64 {
    report.steps[0].failures.get(&failure).copied().unwrap_or(0)
}

#[tokio::test]
async fn good_answers_are_counted_and_connections_kept() {
    let server = Scripted::start(|_| ok());
    let report = report(plan(&server).await).await;
    assert!(report.valid, "{:?}", report.invalid_because);
    assert_eq!((report.answered, report.errors), (REQUESTS, 0));
    assert_eq!(report.steps[0].bytes, 2 * REQUESTS);
    assert_eq!(server.requests(), REQUESTS);
    assert!(report.opened <= 16);
}

#[tokio::test]
async fn workers_share_the_schedule_and_the_connections() {
    let server = Scripted::start(|_| ok());
    let mut plan = plan(&server).await;
    plan.workers = 3;
    let report = report(plan).await;
    assert_eq!(report.answered, REQUESTS);
    assert!(report.opened <= 16);
}

#[tokio::test]
async fn a_slow_server_is_slow_and_nothing_else() {
    let slow = Duration::from_millis(30);
    let report = against(move |_| Act::Slow(slow, OK.to_owned())).await;
    assert_eq!((report.answered, report.errors), (REQUESTS, 0));
    let service = &report.steps[0].service;
    // Three digits: the bucket may begin a thousandth below.
    assert!(Duration::from_nanos(service.min) >= slow.mul_f64(0.998));
}

#[tokio::test]
async fn silence_is_a_timeout_and_still_a_latency() {
    let server = Scripted::start(|n| if n == 50 { Act::Silence } else { ok() });
    let mut plan = plan(&server).await;
    plan.timeout = Duration::from_secs(1);
    let report = report(plan).await;
    assert_eq!(failed(&report, Failure::Timeout), 1);
    assert_eq!(report.answered, REQUESTS - 1);
    let corrected = report.steps[0].corrected.as_ref().unwrap();
    assert_eq!(corrected.count, REQUESTS);
    assert!(Duration::from_nanos(corrected.max) >= Duration::from_millis(998));
}

#[tokio::test]
async fn resets_half_closes_and_one_percent_of_errors_are_told_apart() {
    let error = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    let report = against(move |n| match n % 100 {
        7 => Act::Answer(error.to_owned()),
        _ => ok(),
    })
    .await;
    assert_eq!(report.errors, 2);
    assert_eq!(report.steps[0].statuses[&503], 2);

    let report = against(|n| if n % 10 == 5 { Act::Reset } else { ok() }).await;
    assert_eq!(failed(&report, Failure::Reset), REQUESTS / 10);
    assert_eq!(report.errors, REQUESTS / 10);

    let report = against(|n| if n % 10 == 5 { Act::HalfClose } else { ok() }).await;
    assert_eq!(failed(&report, Failure::Closed), REQUESTS / 10);

    let short = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort";
    let report = against(move |n| match n % 10 {
        5 => Act::AnswerAndClose(short.to_owned()),
        _ => ok(),
    })
    .await;
    assert_eq!(failed(&report, Failure::Closed), REQUESTS / 10);
    assert_eq!(report.answered, REQUESTS - REQUESTS / 10);

    let report = against(|n| match n {
        50 => Act::Answer("220 mail.example ESMTP\r\n\r\n".to_owned()),
        _ => ok(),
    })
    .await;
    assert_eq!(failed(&report, Failure::Protocol), 1);
}

#[tokio::test]
async fn a_server_that_closes_after_each_answer_costs_no_request() {
    let last = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
    let report = against(|_| Act::AnswerAndClose(last.to_owned())).await;
    assert_eq!((report.answered, report.errors), (REQUESTS, 0));
    // One for each, and those that were opened beforehand and not needed.
    let at_least = REQUESTS..REQUESTS + report.connections as u64;
    assert!(at_least.contains(&report.opened), "{}", report.opened);
}

#[tokio::test]
async fn chunked_answers_and_huge_heads_are_read() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                   5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    let report = against(move |_| Act::Answer(chunked.to_owned())).await;
    assert_eq!((report.answered, report.errors), (REQUESTS, 0));
    assert_eq!(report.steps[0].bytes, 11 * REQUESTS);

    let head = |size: usize| {
        let padding = "x".repeat(size);
        format!("HTTP/1.1 200 OK\r\nx-padding: {padding}\r\ncontent-length: 2\r\n\r\nok")
    };
    let (large, too_large) = (head(60_000), head(1_000_000));
    let report = against(move |n| match n {
        20 => Act::Answer(too_large.clone()),
        _ => Act::Answer(large.clone()),
    })
    .await;
    assert_eq!(failed(&report, Failure::TooLarge), 1);
    assert_eq!(report.answered, REQUESTS - 1);
}

#[tokio::test]
async fn a_server_that_goes_away_refuses_the_rest() {
    let report = against(|n| match n {
        0..100 => Act::AnswerAndClose(OK.to_owned()),
        _ => Act::AnswerAndRefuse(OK.to_owned()),
    })
    .await;
    assert!(
        failed(&report, Failure::Refused) > 0,
        "{:?}",
        report.steps[0]
    );
    assert!(report.answered >= 100);
}

#[tokio::test]
async fn nobody_there_is_said_before_anything_is_sent() {
    let server = Scripted::start(|_| ok());
    let mut plan = plan(&server).await;
    // Bound and not listening: nobody else can take the port meanwhile.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    plan.target = Target::resolve(&format!("http://127.0.0.1:{port}"), false)
        .await
        .unwrap();
    let error = run(plan, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, RunError::Target(_)));
    let text = error.to_string();
    assert!(
        text.contains("is unreachable at") && text.contains("refused"),
        "{text}"
    );
}
