//! Scenarios of the load generator against the running system, shortened.

use std::collections::BTreeMap;
use std::time::Duration;

use loadtest::scenario::BUILTIN;
use loadtest::{Report, Scenario, Settings, Watch, run_scenario};
use testkit::System;
use tokio_util::sync::CancellationToken;

fn scenario(name: &str) -> Scenario {
    let builtin = BUILTIN
        .iter()
        .find(|builtin| builtin.name == name)
        .expect("a scenario");
    let mut scenario = Scenario::parse(builtin.text, name).expect("it is read by its own tests");
    // On a busy machine the generator may be late: not what is tested here.
    scenario.max_lateness = "1m".parse().expect("a duration");
    scenario
}

async fn run(system: &System, scenario: &Scenario, seconds: u64) -> Report {
    let report = run_at(system, scenario, seconds, 1.0).await;
    let errors: Vec<_> = report
        .steps
        .iter()
        .filter(|step| step.unexpected > 0 || !step.failures.is_empty())
        .map(|step| (&step.name, &step.statuses, &step.failures))
        .collect();
    assert!(errors.is_empty(), "{}: {errors:?}", scenario.name);
    assert_eq!(report.cut_off + report.unsent, 0, "{}", scenario.name);
    report
}

/// With so many times the journeys a second.
async fn run_at(system: &System, scenario: &Scenario, seconds: u64, rate: f64) -> Report {
    let settings = Settings {
        duration: Some(Duration::from_secs(seconds)),
        rate,
        ..system.load_settings()
    };
    let report = run_scenario(
        scenario,
        &settings,
        CancellationToken::new(),
        &mut Watch::quiet(),
    )
    .await;
    let report = report.unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
    assert!(
        report.valid,
        "{}: {:?}",
        scenario.name, report.invalid_because
    );
    report
}

fn answered(report: &Report, row: &str) -> u64 {
    let step = report.steps.iter().find(|step| step.name == row);
    step.unwrap_or_else(|| panic!("no row {row}")).answered
}

#[tokio::test(flavor = "multi_thread")]
async fn smoke_and_todo_find_nothing_wrong() {
    let system = System::start().await;
    let report = run(&system, &scenario("smoke"), 10).await;
    for row in [
        "create", "complete", "message", "reminder", "todo", "chat", "remind",
    ] {
        assert!(answered(&report, row) > 0, "{row}");
    }
    let mut todo = scenario("todo");
    todo.users.as_mut().expect("users").count = 5;
    let report = run(&system, &todo, 6).await;
    assert!(answered(&report, "todo") > 30);
}

/// What takes a fault, an abuse, or a member of a group who comes or goes.
const FAULTS: &[&str] = &[
    "alerts_received_total",
    "database_pool_timeouts_total",
    "http_deadlines_exceeded_total",
    "http_panics_total",
    "http_requests_limited_total",
    "http_requests_near_limit_total",
    "http_requests_shed_total",
    "kafka_consumer_errors_total",
    "kafka_consumer_rebalances_total",
    "kafka_dead_letters_total",
    "kafka_duplicates_skipped_total",
    "kafka_producer_errors_total",
    "kafka_redriven_total",
    "telemetry_dropped_total",
    "websocket_slow_consumers_total",
];

/// The gateway publishes nothing yet but dead letters.
const TO_COME: &[&str] = &["chat-gateway kafka_producer_", "chat-gateway outbox_"];

/// What must move in each of its series.
const EACH: &[&str] = &[
    "task_operations_total",
    "feature_usage_total",
    "notifications_total",
    "channel_messages_received_total",
];

#[tokio::test(flavor = "multi_thread")]
async fn standard_moves_whatever_can_move() {
    let system = System::start().await;
    let before = counts(&system).await;
    let mut standard = scenario("standard");
    standard.users.as_mut().expect("users").count = 5;
    // Nearly as many journeys as there are in two minutes, with this seed. A machine
    // that is busy with something else may shed some of the requests, and says so.
    let report = run_at(&system, &standard, 30, 3.0).await;
    for step in &report.steps {
        let shed = step.statuses.get(&503).copied().unwrap_or_default();
        let wrong = step.unexpected.saturating_sub(shed);
        assert_eq!(wrong, 0, "{}: {:?}", step.name, step.statuses);
    }
    for journey in &standard.journeys {
        let name = &journey.value.name;
        assert!(answered(&report, name) > 0, "{name}");
    }
    let unmoved = async || {
        let after = counts(&system).await;
        let same = after
            .iter()
            .filter(|(name, count)| before.get(*name).copied().unwrap_or_default() == **count);
        same.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    // Some are counted after the answer, or when the clock says so.
    let mut left = Vec::new();
    for _ in 0..100 {
        left = unmoved().await;
        if left.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("standard does not move {left:#?}");
}

/// The counters, and the counts of the histograms, of each service that faults alone
/// do not move.
async fn counts(system: &System) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    for (name, service) in [
        ("todo-api", &system.todo_api),
        ("chat-gateway", &system.chat_gateway),
        ("event-worker", &system.event_worker),
    ] {
        let samples = service.metrics().await;
        for (series, value) in &samples.values {
            let family = series.split('{').next().unwrap_or_default();
            let kind = |family: &str| samples.types.get(family).map(String::as_str);
            let counts = kind(family) == Some("counter")
                || family.strip_suffix("_count").and_then(kind) == Some("histogram");
            if counts && !FAULTS.contains(&family) {
                let what = if EACH.contains(&family) {
                    series
                } else {
                    family
                };
                *all.entry(format!("{name} {what}")).or_default() += value;
            }
        }
    }
    all.retain(|series, _| !TO_COME.iter().any(|known| series.starts_with(known)));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_is_heard_by_every_member_of_a_room() {
    let system = System::start().await;
    let mut chat = scenario("chat");
    chat.users.as_mut().expect("users").count = 12;
    chat.setup[0].value.repeat = 10;
    let sockets = chat.sockets.as_mut().expect("sockets");
    (sockets.count, sockets.rooms) = (200, 10);
    let report = run(&system, &chat, 6).await;
    // Twenty sockets in each room.
    assert_eq!(answered(&report, "message"), 20 * report.intended);
    assert!(report.intended > 100, "{}", report.intended);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_timed_until_their_effect() {
    let system = System::start().await;
    // The second time with the same seed: its events must not be taken for the first's.
    for seconds in [6, 2] {
        let report = run(&system, &scenario("events"), seconds).await;
        assert!(report.intended > 20, "{}", report.intended);
        assert_eq!(answered(&report, "publish"), report.intended);
        assert_eq!(answered(&report, "publish.effect"), report.intended);
    }
}
