//! From a cause to who is told of it.

use std::collections::BTreeMap;
use std::fs;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::stack::{Stack, eventually};

/// Every job has a target, and every target answers.
pub async fn targets(stack: &Stack) {
    let expected = [
        "alertmanager",
        "blackbox",
        "blackbox-exporter",
        "chat-gateway",
        "event-worker",
        "jaeger",
        "kafka",
        "loki",
        "node",
        "otel-collector",
        "postgres",
        "prometheus",
        "redis",
        "span-metrics",
        "todo-api",
    ];
    eventually("every target is up", async || {
        let query = [("state", "active")];
        let found = stack.get("prometheus", "/api/v1/targets", &query).await?;
        let targets = found["data"]["activeTargets"].as_array()?.clone();
        let mut jobs = BTreeMap::new();
        for target in &targets {
            let up: &mut bool = jobs
                .entry(target["labels"]["job"].as_str()?)
                .or_insert(true);
            *up &= target["health"] == "up";
        }
        let all = jobs.keys().copied().eq(expected) && jobs.values().all(|up| *up);
        all.then_some(())
    })
    .await;
    // And what the exporters say of those they speak for.
    for says in ["pg_up", "redis_up", "probe_success", "node_load1 + 1"] {
        eventually(says, async || {
            let found = stack.query(says).await;
            let one = |sample: &Value| sample["value"][1].as_str() != Some("0");
            (!found.is_empty() && found.iter().all(one)).then_some(())
        })
        .await;
    }
}

/// A service that hangs: noticed, told in #ops and by mail, and so is its return.
pub async fn stopped_service(stack: &Stack) {
    let room = Ops::open(stack).await;
    let alert = async |state: &str| {
        let filters = [
            ("filter", "alertname=\"ServiceDown\""),
            ("filter", "service=\"todo-api\""),
        ];
        let found = stack
            .get("alertmanager", "/api/v2/alerts", &filters)
            .await?;
        let alerts = found.as_array()?;
        alerts
            .iter()
            .any(|alert| alert["status"]["state"] == state)
            .then_some(())
    };
    assert_eq!(alert("active").await, None, "nothing is wrong yet");

    stack.signal("todo-api", Signal::SIGSTOP);
    eventually("ServiceDown at Alertmanager", || alert("active")).await;
    let fires = "🔥 ServiceDown (critical): todo-api at ";
    let said = eventually("told in #ops", || room.says(fires)).await;
    assert!(said.contains("alerts/runbooks/ServiceDown.md"), "{said}");
    let told = eventually("told by mail", async || {
        mail(stack, "[FIRING:1] ServiceDown")
    })
    .await;
    assert!(told.contains("oncall@glasshouse.example"), "{told}");

    stack.signal("todo-api", Signal::SIGCONT);
    eventually("its end told in #ops", || {
        room.says("✅ ServiceDown is over: todo-api")
    })
    .await;
    eventually("its end told by mail", async || {
        mail(stack, "[RESOLVED] ServiceDown")
    })
    .await;
    let over = async || alert("active").await.is_none().then_some(());
    eventually("Alertmanager knows of nothing", over).await;
    // None of it was lost on the way.
    let failed = stack
        .query("sum(alertmanager_notifications_failed_total) > 0")
        .await;
    assert!(failed.is_empty(), "{failed:?}");
}

/// A mail that begins with this subject.
fn mail(stack: &Stack, subject: &str) -> Option<String> {
    let mails = fs::read_dir(stack.home.join("mail/new")).ok()?.flatten();
    let mut texts = mails.filter_map(|mail| fs::read_to_string(mail.path()).ok());
    let header = format!("Subject: {subject}");
    texts.find(|text| text.lines().any(|line| line.starts_with(&header)))
}

/// The room #ops, as somebody who may read it sees it.
struct Ops<'a> {
    stack: &'a Stack,
    token: String,
    id: String,
}

impl<'a> Ops<'a> {
    async fn open(stack: &'a Stack) -> Self {
        let gateway = stack.address("chat-gateway");
        let account = json!({"email": "demo@glasshouse.example", "password": "glasshouse-demo"});
        let login = stack.http.post(format!("{gateway}/api/auth/login"));
        let login: Value = login
            .json(&account)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let token = login["access_token"]
            .as_str()
            .expect("signed in")
            .to_owned();
        let mut ops = Self {
            stack,
            token,
            id: String::new(),
        };
        let rooms = ops.ask("/api/rooms").await.expect("rooms");
        let rooms = rooms["items"].as_array().expect("a list");
        let room = rooms.iter().find(|room| room["name"] == "ops");
        ops.id = room
            .and_then(|room| room["id"].as_str())
            .expect("#ops")
            .to_owned();
        ops
    }

    async fn ask(&self, path: &str) -> Option<Value> {
        let url = format!("{}{path}", self.stack.address("chat-gateway"));
        let answer = self
            .stack
            .http
            .get(url)
            .bearer_auth(&self.token)
            .send()
            .await;
        answer.ok()?.json().await.ok()
    }

    /// What was said that has these words.
    async fn says(&self, words: &str) -> Option<String> {
        let history = self
            .ask(&format!("/api/rooms/{}/messages", self.id))
            .await?;
        let messages = history["items"].as_array()?;
        let mut texts = messages
            .iter()
            .filter_map(|message| message["text"].as_str());
        texts.find(|text| text.contains(words)).map(str::to_owned)
    }
}
