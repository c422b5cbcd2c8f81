//! Alertmanager itself, with the project's configuration: what holds what
//! back, and that it takes what a secret adds.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use glasshouse::backing::{Place, Ports, programs, scratch};
use glasshouse::project;
use glasshouse::provision::{Receivers, alertmanager};
use glasshouse::slo::Preset;
use glasshouse::supervise::{Ready, Spec};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

fn config(place: &Place, secrets: &[(&str, &str)]) -> String {
    let folder = place.folder("given").unwrap();
    for (name, secret) in secrets {
        fs::write(folder.join(name), secret).unwrap();
    }
    let token = place.secrets().join("alert-token");
    fs::write(&token, "t").unwrap();
    let receivers = Receivers {
        // Nobody listens there: here it is not about being told.
        gateway: "http://127.0.0.1:9".into(),
        token,
        mail: None,
        secrets: folder,
        preset: Preset::Standard,
    };
    let project = project::root().unwrap().join("infra/alertmanager");
    let config = place.root().join("alertmanager.yml");
    fs::write(&config, alertmanager(&project, &receivers).unwrap()).unwrap();
    config.display().to_string()
}

/// An alert by its labels: the cause, the symptom, and whether it is held back.
const CASES: [(&str, &str, bool); 12] = [
    (
        "alertname=ServiceDown severity=critical service=todo-api",
        "alertname=HighErrorRate severity=critical service=todo-api",
        true,
    ),
    (
        "alertname=ServiceDown severity=critical service=todo-api",
        "alertname=HighErrorRate severity=critical service=chat-gateway",
        false,
    ),
    (
        "alertname=DatabaseDown severity=critical service=event-worker",
        "alertname=OutboxStalled severity=critical service=event-worker",
        true,
    ),
    (
        "alertname=DatabaseDown severity=critical service=event-worker",
        "alertname=OutboxStalled severity=critical service=todo-api",
        false,
    ),
    (
        "alertname=DatabaseDown severity=critical service=postgres",
        "alertname=OutboxStalled severity=critical service=todo-api",
        true,
    ),
    (
        "alertname=KafkaDown severity=critical service=kafka",
        "alertname=HighConsumerLag severity=warning service=event-worker",
        true,
    ),
    (
        "alertname=KafkaDown severity=critical service=kafka cluster=a",
        "alertname=HighConsumerLag severity=warning service=event-worker cluster=b",
        false,
    ),
    (
        "alertname=DiskSpaceLow severity=critical service=node instance=n mountpoint=/",
        "alertname=DiskSpaceLow severity=warning service=node instance=n mountpoint=/",
        true,
    ),
    (
        "alertname=DiskSpaceLow severity=critical service=node instance=n mountpoint=/",
        "alertname=DiskSpaceLow severity=warning service=node instance=n mountpoint=/data",
        false,
    ),
    (
        "alertname=ErrorBudgetBurnFast severity=critical service=todo-api slo=a",
        "alertname=ErrorBudgetBurnSlow severity=warning service=todo-api slo=a",
        true,
    ),
    (
        "alertname=ErrorBudgetBurnFast severity=critical service=todo-api slo=a",
        "alertname=ErrorBudgetBurnSlow severity=warning service=todo-api slo=b",
        false,
    ),
    (
        "alertname=InfoInhibitor severity=none service=todo-api",
        "alertname=Anything severity=info service=todo-api",
        true,
    ),
];

fn labels(words: &str, case: usize) -> BTreeMap<&str, String> {
    let mut labels: BTreeMap<&str, String> = words
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| (name, value.to_owned()))
        .collect();
    // Each case is a world of its own: what has to be equal is so within it.
    for name in ["service", "cluster", "slo"] {
        if let Some(value) = labels.get_mut(name) {
            let shared = value == "postgres" || value == "kafka";
            if !shared {
                *value = format!("{value}-{case}");
            }
        }
    }
    let cluster = format!("{case}");
    labels.entry("cluster").or_insert(cluster);
    labels
}

/// What is not as [`CASES`] has it.
fn otherwise(found: &[Value]) -> Vec<String> {
    let is = |words: &str, case: usize, expected: &str| {
        let wanted = json!(labels(words, case));
        let alert = found.iter().find(|alert| alert["labels"] == wanted);
        alert.is_some_and(|alert| alert["status"]["state"] == expected)
    };
    let cases = CASES.iter().enumerate();
    let wrong = cases.filter(|(case, (cause, symptom, held))| {
        let expected = if *held { "suppressed" } else { "active" };
        !is(cause, *case, "active") || !is(symptom, *case, expected)
    });
    wrong
        .map(|(_, (cause, symptom, held))| format!("{cause} → {symptom}, held back: {held}"))
        .collect()
}

#[tokio::test]
async fn causes_hold_back_their_symptoms_and_nothing_else() {
    let place = scratch().unwrap();
    let ports = Ports::any();
    let address = ports.pick(9093).unwrap().address();
    let program = ["prometheus-alertmanager", "alertmanager"]
        .into_iter()
        .find_map(programs::find)
        .expect("the package prometheus-alertmanager");
    let spec = Spec {
        name: "alertmanager".into(),
        program,
        arguments: vec![
            format!("--config.file={}", config(&place, &[])),
            format!("--storage.path={}", place.root().join("data").display()),
            format!("--web.listen-address={address}"),
            "--cluster.listen-address=".into(),
        ],
        environment: BTreeMap::new(),
        directory: place.root().to_owned(),
        account: None,
        stop_signal: Signal::SIGTERM,
        ready: Ready::Http(format!("http://{address}/-/ready").parse().unwrap()),
        ready_within: Duration::from_secs(20),
    };
    let process = place.start(spec).await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{address}/api/v2/alerts");
    let alerts: Vec<Value> = CASES
        .iter()
        .enumerate()
        .flat_map(|(case, (cause, symptom, _))| [labels(cause, case), labels(symptom, case)])
        .map(|labels| json!({ "labels": labels }))
        .collect();
    let answer = http.post(&url).json(&alerts).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());

    // An alert is there before it is known what it holds back: asked again until
    // all is as it should be, or time is up.
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        let answer = http.get(&url).send().await.unwrap();
        let found: Vec<Value> = answer.json().await.unwrap();
        let wrong = otherwise(&found);
        if wrong.is_empty() {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{wrong:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    process.stop(Duration::from_secs(5)).await;
    place.remove().unwrap();
}

#[test]
fn alertmanager_takes_what_every_secret_adds() {
    let place = scratch().unwrap();
    let secrets = [
        ("slack-url", "https://hooks.slack.example/T0"),
        ("pagerduty-key", "k"),
        ("sms-url", "https://sms.example/send"),
    ];
    let config = config(&place, &secrets);
    let amtool = programs::find("amtool").expect("the package prometheus-alertmanager");
    let output = Command::new(amtool)
        .args(["check-config", &config])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    place.remove().unwrap();
}
