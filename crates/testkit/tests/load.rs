//! Scenarios of the load generator against the running system, shortened.

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
    let targets = [
        ("todo-api", system.todo_api.url("")),
        ("chat-gateway", system.chat_gateway.url("")),
        ("kafka", system.parts.backing.kafka.clone()),
    ];
    let settings = Settings {
        targets: targets
            .map(|(name, address)| (name.to_owned(), address))
            .into(),
        values: [("topic_prefix".to_owned(), system.parts.prefix.clone())].into(),
        duration: Some(Duration::from_secs(seconds)),
        ..Settings::default()
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

fn answered(report: &Report, row: &str) -> u64 {
    let step = report.steps.iter().find(|step| step.name == row);
    step.unwrap_or_else(|| panic!("no row {row}")).answered
}

#[tokio::test(flavor = "multi_thread")]
async fn smoke_todo_and_standard_find_nothing_wrong() {
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
    // Each journey of `standard` comes up in this time, with this seed.
    let mut standard = scenario("standard");
    standard.users.as_mut().expect("users").count = 5;
    let report = run(&system, &standard, 20).await;
    for row in ["todo", "browse", "chat", "remind", "mistakes", "strangers"] {
        assert!(answered(&report, row) > 0, "{row}");
    }
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
    let report = run(&system, &scenario("events"), 6).await;
    assert!(report.intended > 100, "{}", report.intended);
    assert_eq!(answered(&report, "publish"), report.intended);
    assert_eq!(answered(&report, "publish.effect"), report.intended);
}
