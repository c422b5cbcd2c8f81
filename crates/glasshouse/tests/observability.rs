//! The journey with everything that watches: found whole in Jaeger, by its
//! trace id in Loki, moved in Prometheus. And what the load generator names as its
//! slowest: found in Jaeger, too. Needs the Go programs that `make tools` builds,
//! and half a minute: `make test-watched`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use glasshouse::project;
use glasshouse::state::StateFile;
use glasshouse::tools::Tools;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use url::Url;

const NEEDED: [&str; 3] = ["otelcol", "jaeger", "loki"];

fn main() -> ExitCode {
    let missing = missing();
    let kind = match missing.as_slice() {
        [] => "skipped here: make test-watched runs it".to_owned(),
        missing => format!("skipped: no {}; make tools builds it", missing.join(", ")),
    };
    let trials = [
        Trial::test("the_journey_is_seen_by_all_who_watch", journey),
        Trial::test("the_slowest_of_a_load_are_found_in_jaeger", load),
    ];
    let trials = trials.map(|trial| trial.with_ignored_flag(true).with_kind(kind.clone()));
    // One after the other: each is a whole system.
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

fn missing() -> Vec<&'static str> {
    let tools = project::root().and_then(|root| Tools::load(&root));
    let found = |name: &str| tools.as_ref().is_ok_and(|tools| tools.find(name).is_some());
    NEEDED.into_iter().filter(|name| !found(name)).collect()
}

fn home(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("glasshouse-{name}-{}", std::process::id()))
}

fn journey() -> Result<(), Failed> {
    let home = home("watched");
    let output = up_once(&home);
    // Whatever came of it: nothing of it stays.
    let _ = std::fs::remove_dir_all(&home);
    let output = output?;
    for proof in [
        "4 of 4 series moved",
        "spans of 3 services, whole",
        "log lines of 3 services by trace id",
        "journey complete",
    ] {
        if !output.contains(proof) {
            return Err(format!("no \"{proof}\" in\n{output}").into());
        }
    }
    Ok(())
}

fn up_once(home: &Path) -> Result<String, Failed> {
    glasshouse(home, &["up", "--once"], &[0])
}

/// What it says, if it ends with one of these codes.
fn glasshouse(home: &Path, arguments: &[&str], codes: &[i32]) -> Result<String, Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_glasshouse"))
        .arg("--home")
        .arg(home)
        .args(arguments)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output
        .status
        .code()
        .is_some_and(|code| codes.contains(&code))
    {
        return Ok(text);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{arguments:?} failed:\n{text}\n{errors}").into())
}

/// Eight arrivals: fewer than the slowest that a report names.
const SCENARIO: &str = r#"
name: traced
about: A request, and a message of a customer; each begins a trace.
users: { count: 2 }
max_lateness: 1m
timeout: 30s
journeys:
  - name: task
    headers: { authorization: "Bearer {{user.token}}" }
    steps:
      - name: create
        http: { target: todo-api, request: POST /v1/tasks, json: { title: "{{words 2}}" }, expect: [201] }
  - name: customer
    data: { message: "{{uuid}}" }
    steps:
      - name: write
        kafka:
          target: kafka
          topic: chat.inbound.v1
          key: "visitor-{{run}}"
          headers:
            ce_specversion: "1.0"
            ce_id: "{{uuid}}"
            ce_type: chat.inbound.received.v1
            ce_source: /glasshouse/chat-gateway
            ce_time: "{{now}}"
            content-type: application/json
          json: { id: "{{message}}", channel: web, handle: "visitor-{{run}}", text: "{{words 4}}", received_at: "{{now}}" }
          effect: { topic: chat.replies.v1, pointer: /in_reply_to, equals: "{{message}}" }
phases: [{ name: all, rate: 2, spacing: even, duration: 4s }]
"#;

fn load() -> Result<(), Failed> {
    let home = home("loaded");
    let found = slowest_found(&home);
    // Whatever came of it: nothing of it stays.
    let _ = glasshouse(&home, &["down"], &[0]);
    let _ = std::fs::remove_dir_all(&home);
    found
}

fn slowest_found(home: &Path) -> Result<(), Failed> {
    glasshouse(home, &["up", "--detach", "--no-journey"], &[0])?;
    let (scenario, run) = (home.join("traced.yaml"), home.join("run.json"));
    std::fs::write(&scenario, SCENARIO)?;
    let (scenario, out) = (scenario.to_string_lossy(), run.to_string_lossy());
    let arguments = ["load", &scenario, "--quiet", "--traces", "1", "--out", &out];
    glasshouse(home, &arguments, &[0])?;
    let report: Value = serde_json::from_slice(&std::fs::read(&run)?)?;
    let state = StateFile::in_folder(home).load().ok_or("no state")?;
    let jaeger = state.address("jaeger").ok_or("no Jaeger")?.to_owned();
    let slowest = report["slowest"].as_array().ok_or("no slowest")?;
    if slowest.len() != 8 {
        return Err(format!("8 were sent, and the slowest are {slowest:?}").into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for slow in slowest {
        let id = slow["trace_id"].as_str().ok_or("no trace")?;
        let url: Url = format!("{jaeger}/api/traces/{id}").parse()?;
        let wanted = match slow["step"].as_str() {
            Some("create") => ["POST /v1/tasks", "db.task_insert"],
            Some("write.effect") => ["chat.inbound.v1 process", "chat.replies.v1 publish"],
            other => return Err(format!("no such step: {other:?}").into()),
        };
        runtime.block_on(found(&url, &wanted))?;
    }
    let steps: BTreeSet<_> = slowest.iter().map(|slow| slow["step"].as_str()).collect();
    if steps.len() != 2 {
        return Err(format!("both journeys were to come, and these did: {steps:?}").into());
    }
    Ok(())
}

/// Waits until a trace has these spans.
async fn found(url: &Url, wanted: &[&str]) -> Result<(), Failed> {
    let begun = Instant::now();
    loop {
        let (_, answer) = glasshouse::http::get(url).await?;
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        let spans = answer["data"][0]["spans"].as_array();
        let spans = spans.into_iter().flatten();
        let names: Vec<_> = spans
            .filter_map(|span| span["operationName"].as_str())
            .collect();
        if wanted.iter().all(|name| names.contains(name)) {
            return Ok(());
        }
        if begun.elapsed() > Duration::from_secs(60) {
            return Err(format!("{url} has {names:?} after a minute, not {wanted:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
