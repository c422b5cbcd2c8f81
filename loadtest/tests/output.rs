//! What a run leaves: the page, the traces, the metrics, the timeline.
#![allow(clippy::unwrap_used, reason = "a test's helper fails with it")]

mod scripted;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use loadtest::{
    Arrivals, Pace, Page, Plan, Report, Shape, Target, Watch, metrics, run, run_watched,
};
use scripted::{Act, Scripted, ok};
use tokio_util::sync::CancellationToken;

const PROGRAM: &str = env!("CARGO_BIN_EXE_loadtest");

/// One answer of fifty is an error, and one of ten is slow.
fn server() -> Scripted {
    let error = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    Scripted::start(move |n| match n {
        n if n % 50 == 7 => Act::Answer(error.to_owned()),
        n if n % 10 == 3 => Act::Slow(Duration::from_millis(20), scripted::OK.to_owned()),
        _ => ok(),
    })
}

async fn plan(server: &Scripted) -> Plan {
    let target = Target::resolve(&server.url(), false).await.unwrap();
    let shape = Shape::Ramp {
        from: 50.0,
        to: 150.0,
    };
    let arrivals = Arrivals::poisson(shape, Duration::from_secs(4), 7);
    Plan {
        traces: Some(1.0),
        lateness: Duration::from_secs(60),
        ..Plan::new(target, Pace::Open(arrivals))
    }
}

async fn report() -> Report {
    let server = server();
    run(plan(&server).await, CancellationToken::new())
        .await
        .unwrap()
}

#[tokio::test]
async fn the_timeline_adds_up_to_the_report() {
    let report = report().await;
    let sum = |of: fn(&loadtest::Moment) -> u64| report.timeline.iter().map(of).sum::<u64>();
    assert!(
        (4..=6).contains(&report.timeline.len()),
        "{:?}",
        report.timeline
    );
    assert_eq!(sum(|moment| moment.answered), report.answered);
    assert_eq!(sum(|moment| moment.intended), report.intended);
    assert_eq!(sum(|moment| moment.errors), report.errors);
    // By the workers' clock, however late their records are put together.
    let last = report.timeline.last().unwrap().at;
    assert!((3.9..5.5).contains(&last), "{last}");
    let slowest = report
        .timeline
        .iter()
        .map(|moment| moment.max)
        .max()
        .unwrap();
    assert_eq!(slowest, report.steps[0].corrected.as_ref().unwrap().max);
}

#[tokio::test]
async fn the_slowest_are_named_by_traces_that_were_sent() {
    let report = report().await;
    assert_eq!(report.slowest.len(), 10);
    assert!(report.slowest.is_sorted_by(|a, b| a.took >= b.took));
    assert!(report.slowest.iter().all(|slow| slow.took >= 19_900_000));
    assert!(report.slowest.iter().all(|slow| slow.trace_id.len() == 32));

    let (seen, heard) = std::sync::mpsc::channel();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = vec![0; 4096];
            while let Ok(1..) = stream.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let line = text
                    .lines()
                    .find(|line| line.starts_with("traceparent: "))
                    .map(str::to_owned);
                seen.send(line).unwrap();
                stream.write_all(scripted::OK.as_bytes()).unwrap();
            }
        }
    });
    let target = Target::resolve(&url, false).await.unwrap();
    let arrivals = Arrivals::even(Shape::Constant { rate: 50.0 }, Duration::from_millis(200));
    let plan = Plan {
        connections: 1,
        traces: Some(1.0),
        ..Plan::new(target, Pace::Open(arrivals))
    };
    let report = run(plan, CancellationToken::new()).await.unwrap();
    let mut sent: Vec<String> = heard.try_iter().flatten().collect();
    assert_eq!(sent.len(), 10);
    for slow in &report.slowest {
        let header = format!("traceparent: 00-{}-", slow.trace_id);
        assert!(
            sent.iter()
                .any(|line| line.starts_with(&header) && line.ends_with("-01")),
            "{sent:?}"
        );
    }
    sent.sort();
    sent.dedup();
    assert_eq!(sent.len(), 10);
}

#[tokio::test]
async fn the_page_shows_the_run_and_asks_nobody() {
    let mut report = report().await;
    report.traces_at = Some("http://127.0.0.1:16686/trace/".to_owned());
    report.scenario = Some("<script>".to_owned());
    let page = Page(&report).to_string();
    for part in [
        "&lt;script&gt;",
        "ramp:50-150",
        "Latency by percentile",
        "Latency over time",
        "The slowest traces",
        &format!(
            "http://127.0.0.1:16686/trace/{}",
            report.slowest[0].trace_id
        ),
        "prefers-color-scheme:dark",
        "200: ",
        "503: ",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
    for request in ["<script", "src=", "@import", "url(", "<link", "fetch("] {
        assert!(!page.contains(request), "{request}");
    }
    // Every element that is opened is closed, as far as SVG demands it.
    for name in ["svg", "section", "table", "title"] {
        let opened = page.matches(&format!("<{name}")).count();
        assert_eq!(
            opened,
            page.matches(&format!("</{name}>")).count(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn prometheus_can_watch() {
    let server = server();
    let mut exposed = metrics::Exposed::listen("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let address = exposed.address();
    let targets =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("load-{}.json", std::process::id()));
    exposed.announce(targets.clone()).unwrap();
    let told: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&targets).unwrap()).unwrap();
    assert_eq!(told[0]["targets"][0], address.to_string());
    let mut watch = Watch::quiet().metrics(exposed);
    let plan = plan(&server).await;
    let (report, text) = tokio::join!(
        run_watched(plan, CancellationToken::new(), &mut watch),
        async {
            loop {
                let text = tokio::task::spawn_blocking(move || get(address))
                    .await
                    .unwrap();
                if text.contains("loadtest_requests_total") {
                    break text;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    );
    assert!(report.unwrap().answered > 0);
    drop(watch);
    assert!(!targets.exists(), "nobody is there to be scraped any more");
    assert!(
        text.contains("loadtest_request_duration_seconds_bucket{step=\"GET /\",le=\"+Inf\"}"),
        "{text}"
    );
}

fn get(address: std::net::SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn without_a_terminal_there_are_lines_and_names_of_k6() {
    let server = server();
    let run = Command::new(PROGRAM)
        .args([&server.url(), "--duration", "3", "--max-lateness", "60"])
        .output()
        .unwrap();
    let (out, error) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    let lines: Vec<_> = error
        .lines()
        .filter(|line| line.contains("own lateness p99"))
        .collect();
    assert!(lines.len() >= 2, "{error}");
    assert!(!error.contains('\u{1b}'), "{error}");
    for name in [
        "http_req_duration",
        "http_req_failed",
        "http_reqs",
        "dropped_iterations",
        "p(95)=",
    ] {
        assert!(out.contains(name), "{name} in {out}");
    }
}

/// Chromium draws the page: `make test-page` installs it.
#[test]
#[ignore = "needs Chromium: make test-page"]
fn a_browser_draws_the_page() {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let server = server();
    let page = folder.join("run.html");
    let run = Command::new(PROGRAM)
        .args([
            &server.url(),
            "--duration",
            "6",
            "--rate",
            "sine:50-200x2",
            "--poisson",
            "--quiet",
        ])
        .args(["--max-lateness", "60", "--traces", "1", "--html"])
        .arg(&page)
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let chromium = std::env::var_os("CHROMIUM").unwrap_or_else(|| "chromium".into());
    let browser = |extra: &[String]| {
        let output = Command::new(&chromium)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .arg(format!(
                "--user-data-dir={}",
                folder.join("profile").display()
            ))
            .args(extra)
            .arg(format!("file://{}", page.display()))
            .stderr(Stdio::null())
            .output()
            .expect("Chromium");
        assert!(output.status.success());
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let picture = folder.join("run.png");
    browser(&[
        "--window-size=1200,1800".to_owned(),
        format!("--screenshot={}", picture.display()),
    ]);
    let bytes = std::fs::read(&picture).unwrap();
    assert!(
        bytes.starts_with(b"\x89PNG") && bytes.len() > 20_000,
        "{}",
        bytes.len()
    );
    // As the browser has understood it, with nothing thrown away.
    let seen = browser(&["--dump-dom".to_owned()]);
    let written = std::fs::read_to_string(&page).unwrap();
    for name in ["<path", "<rect", "<tr>", "<section>"] {
        assert_eq!(
            seen.matches(name).count(),
            written.matches(name).count(),
            "{name}"
        );
    }
    if let Some(kept) = std::env::var_os("KEEP_PICTURE") {
        std::fs::copy(&picture, kept).unwrap();
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
