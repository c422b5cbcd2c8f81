//! What gets into Loki, what does not, and what lines alone tell.

use std::collections::BTreeSet;
use std::fs;

use glasshouse::{command, journey, project};
use regex::Regex;
use serde_json::{Value, json};
use uuid::Uuid;

use super::planted::{self, Planted, SERVICE};
use super::stack::{Stack, eventually};

const CANARIES: [&str; 5] = [
    "canary-in-a-span",
    "canary-in-an-event",
    "canary-in-the-resource",
    "canary-in-a-line",
    "canary@example.com",
];

async fn lines_of(stack: &Stack, trace_id: &str) -> Option<Value> {
    let query = format!("{{service_name=~\".+\"}} | trace_id=\"{trace_id}\"");
    let query = [
        ("query", query.as_str()),
        ("limit", "1000"),
        ("since", "1h"),
    ];
    let found = stack
        .get("loki", "/loki/api/v1/query_range", &query)
        .await?;
    let found = found["data"]["result"].clone();
    (found.as_array().is_some_and(|streams| !streams.is_empty())).then_some(found)
}

/// A password on a span or a line stays outside; what is named gets in.
pub async fn redacted(stack: &Stack) {
    let span = Planted::new("redacted", 0.01)
        .failed()
        .with("http.request.header.authorization", "canary-in-a-span")
        .with("enduser.email", "canary@example.com")
        .with("url.path", "/v1/planted");
    span.send(stack).await;
    let path = format!("/api/traces/{}", span.trace_id);
    let trace = eventually("the trace", || stack.get("jaeger", &path, &[])).await;

    let fields = [
        ("password", json!("canary-in-a-line")),
        ("email", json!("canary@example.com")),
        ("task_id", json!("planted-task")),
    ];
    planted::lines(stack, 13, 1, 0.0, &span.trace_id, &fields).await;
    let lines = eventually("the line", || lines_of(stack, &span.trace_id)).await;

    let all = format!("{trace}{lines}");
    for canary in CANARIES {
        assert!(!all.contains(canary), "{canary} in {all}");
    }
    for named in [
        "/v1/planted",
        "Broken",
        "planted-task",
        "\"level\":\"WARNING\"",
    ] {
        assert!(all.contains(named), "no {named} in {all}");
    }
}

/// The list of what gets in misses nothing that the services say.
pub async fn allowed(stack: &Stack) {
    let config = project::root()
        .unwrap()
        .join("infra/otel-collector/config.yaml");
    let config = fs::read_to_string(config).unwrap();
    let config: Value = serde_saphyr::from_str(&config).unwrap();
    let statements = |signal: &str| config["processors"]["transform/attributes"][signal].clone();
    let list = |statement: &Value| {
        // As OTTL has it: one more layer of backslashes.
        let pattern = statement.as_str().and_then(|text| text.split('"').nth(1));
        Regex::new(&pattern.unwrap_or_default().replace("\\\\", "\\")).unwrap()
    };
    let spans = list(&statements("trace_statements")[0]);
    let fields = list(&statements("log_statements")[0]);

    use telemetry::semconv;
    for name in [
        semconv::DB_COLLECTION_NAME,
        semconv::DB_OPERATION_NAME,
        semconv::DB_QUERY_SUMMARY,
        semconv::DB_SYSTEM_NAME,
        semconv::DEBUG,
        semconv::ERROR_TYPE,
        semconv::HTTP_REQUEST_METHOD,
        semconv::HTTP_RESPONSE_STATUS_CODE,
        semconv::HTTP_ROUTE,
        semconv::MESSAGING_CONSUMER_GROUP_NAME,
        semconv::MESSAGING_DESTINATION_NAME,
        semconv::MESSAGING_MESSAGE_ID,
        semconv::MESSAGING_OPERATION_NAME,
        semconv::MESSAGING_OPERATION_TYPE,
        semconv::MESSAGING_SYSTEM,
        semconv::SERVER_ADDRESS,
        semconv::URL_PATH,
        semconv::URL_SCHEME,
    ] {
        assert!(spans.is_match(name), "{name} is not let through");
    }

    // So that all of them have something to say.
    let options = journey::Options {
        prometheus: None,
        jaeger: None,
        loki: None,
        ..command::journey::options(&stack.run).unwrap()
    };
    let report = journey::run(&options).await.unwrap();
    assert!(report.succeeded(), "{report}");
    let mut said = BTreeSet::new();
    for service in ["todo-api", "chat-gateway", "event-worker"] {
        let log = stack.home.join(format!("logs/{service}.log"));
        let log = fs::read_to_string(log).unwrap();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        for line in lines {
            let names = line["fields"]
                .as_object()
                .into_iter()
                .flat_map(|fields| fields.keys());
            said.extend(names.cloned());
        }
    }
    assert!(said.len() > 10, "too few to mean anything: {said:?}");
    let missing: Vec<_> = said.iter().filter(|name| !fields.is_match(name)).collect();
    assert!(missing.is_empty(), "not let through: {missing:?}");
}

/// The two rules of Loki: silent, firing, told to Alertmanager, over again.
pub async fn alerts(stack: &Stack) {
    let firing = async |name: &str| -> bool {
        let found = stack.get("loki", "/prometheus/api/v1/alerts", &[]).await;
        let found = found.unwrap_or_default();
        let alerts = found["data"]["alerts"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        alerts.iter().any(|alert| {
            alert["labels"]["alertname"] == name
                && alert["labels"]["service"] == SERVICE
                && alert["state"] == "firing"
        })
    };
    let trace = Uuid::new_v4().simple().to_string();
    // All of it soon leaves the five minutes: an alert must end by itself.
    let ago = 270.0;
    planted::lines(stack, 17, 50, ago, &trace, &[]).await;
    eventually("fifty lines in Loki", async || {
        let streams = lines_of(stack, &trace).await?;
        let values = streams
            .as_array()?
            .iter()
            .filter_map(|stream| stream["values"].as_array());
        (values.map(Vec::len).sum::<usize>() == 50).then_some(())
    })
    .await;
    // Judged at least once since.
    let evaluated = async || {
        let found = stack.get("loki", "/prometheus/api/v1/rules", &[]).await?;
        let rules = found["data"]["groups"][0]["rules"].as_array()?.clone();
        rules
            .iter()
            .map(|rule| rule["lastEvaluation"].as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
    };
    let before = eventually("rules in Loki", evaluated).await;
    eventually("the next evaluation", async || {
        let now = evaluated().await?;
        now.iter()
            .zip(&before)
            .all(|(now, before)| now != before)
            .then_some(())
    })
    .await;
    assert!(
        !firing("HighErrorLogRate").await,
        "fifty are not more than fifty"
    );
    assert!(!firing("CriticalLogged").await, "none is CRITICAL");

    planted::lines(stack, 17, 1, ago - 1.0, &trace, &[]).await;
    planted::lines(stack, 21, 1, ago - 1.0, &trace, &[]).await;
    for name in ["HighErrorLogRate", "CriticalLogged"] {
        eventually(&format!("{name} fires"), async || {
            firing(name).await.then_some(())
        })
        .await;
        let alert = eventually(&format!("{name} at Alertmanager"), async || {
            let filter = format!("alertname=\"{name}\"");
            let filters = [
                ("filter", filter.as_str()),
                ("filter", "service=\"planted\""),
            ];
            let found = stack
                .get("alertmanager", "/api/v2/alerts", &filters)
                .await?;
            found.as_array()?.first().cloned()
        })
        .await;
        for note in ["summary", "description", "runbook_url", "dashboard_url"] {
            let text = alert["annotations"][note].as_str().unwrap_or_default();
            assert!(
                !text.is_empty() && !text.contains("{{"),
                "{name} {note}: {text}"
            );
        }
        let runbook = project::root()
            .unwrap()
            .join(format!("alerts/runbooks/{name}.md"));
        assert!(runbook.is_file(), "{}", runbook.display());
    }
    for name in ["HighErrorLogRate", "CriticalLogged"] {
        let over = async || (!firing(name).await).then_some(());
        eventually(&format!("{name} is over"), over).await;
    }

    let labels = stack
        .get("loki", "/loki/api/v1/labels", &[("since", "1h")])
        .await
        .unwrap();
    let known = ["deployment_environment_name", "level", "service_name"];
    let labels = labels["data"].as_array().cloned().unwrap_or_default();
    assert!(
        labels
            .iter()
            .all(|label| known.contains(&label.as_str().unwrap_or_default())),
        "{labels:?}"
    );
    retention(stack).await;
}

/// How long Loki itself says that it keeps each level.
async fn retention(stack: &Stack) {
    let url = format!("{}/config", stack.address("loki"));
    let config = stack
        .http
        .get(url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let config: Value = serde_saphyr::from_str(&config).unwrap();
    let limits = &config["limits_config"];
    assert_eq!(limits["retention_period"], "1w", "INFO");
    let streams = limits["retention_stream"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let period = |selector: &str| {
        let found = streams.iter().find(|stream| stream["selector"] == selector);
        found.map(|stream| stream["period"].as_str().unwrap_or_default().to_owned())
    };
    for (selector, kept) in [
        ("{level=~\"ERROR|CRITICAL\"}", "90d"),
        ("{level=\"WARNING\"}", "30d"),
        ("{level=\"DEBUG\"}", "1d"),
    ] {
        assert_eq!(
            period(selector).as_deref(),
            Some(kept),
            "{selector}: {streams:?}"
        );
    }
    assert_eq!(config["compactor"]["retention_enabled"], true);
}
