//! The OpenAPI document and its page.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use super::client::{Api, answer};

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_openapi_3_1_and_lists_every_route() {
    let api = Api::start().await;
    let answer = answer(api.request(Method::GET, "/openapi.json")).await;
    assert_eq!(answer.status, 200);
    let document = &answer.body;
    let version = document["openapi"].as_str().expect("a version");
    assert!(version.starts_with("3.1."), "{version}");
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());

    let mut operations = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for (path, item) in object(&document["paths"]) {
        for (method, operation) in object(item) {
            operations.insert(format!("{} {path}", method.to_uppercase()));
            let id = operation["operationId"].as_str().expect("operationId");
            assert!(ids.insert(id.to_owned()), "{id} stands there twice");
            check_operation(path, operation);
        }
    }
    let routes = [
        "GET /v1/tasks",
        "POST /v1/tasks",
        "GET /v1/tasks/counts",
        "POST /v1/tasks/bulk",
        "GET /v1/tasks/export",
        "POST /v1/tasks/import",
        "GET /v1/tasks/{id}",
        "PATCH /v1/tasks/{id}",
        "DELETE /v1/tasks/{id}",
        "POST /v1/tasks/{id}/complete",
        "POST /v1/tasks/{id}/reopen",
        "POST /v1/tasks/{id}/reminders",
        "DELETE /v1/tasks/{id}/reminders/{reminder_id}",
        "POST /v1/tasks/{id}/reminders/{reminder_id}/snooze",
    ];
    assert_eq!(operations, routes.map(str::to_owned).into());

    for reference in references(document) {
        let pointer = reference.strip_prefix('#').expect("within the document");
        assert!(
            document.pointer(pointer).is_some(),
            "{reference} leads nowhere"
        );
    }
    let schemas = object(&document["components"]["schemas"]);
    for (name, schema) in schemas {
        let required = schema["required"].as_array().into_iter().flatten();
        for field in required.filter_map(Value::as_str) {
            assert!(!schema["properties"][field].is_null(), "{name}.{field}");
        }
    }
}

fn check_operation(path: &str, operation: &Value) {
    let responses: Vec<_> = object(&operation["responses"]).collect();
    let success = |(status, _): &&(&String, &Value)| status.starts_with('2');
    assert_eq!(responses.iter().filter(success).count(), 1, "{path}");
    for (status, response) in responses {
        assert!(response["description"].is_string(), "{path} {status}");
        let content = &response["content"];
        assert!(
            status.starts_with(['2', '3'])
                || content["application/problem+json"]["schema"].is_object(),
            "{path} {status} is no problem"
        );
    }
    let parameters = operation["parameters"].as_array();
    let names: Vec<_> = parameters
        .into_iter()
        .flatten()
        .map(|parameter| (parameter["in"].as_str(), parameter["name"].as_str()))
        .collect();
    let described = names.contains(&(Some("path"), Some("id")));
    assert_eq!(described, path.contains("{id}"), "{path}: {names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_needs_nothing_from_elsewhere() {
    let api = Api::start().await;
    let page = text(&api, "/docs/").await;
    assert!(page.contains("swagger-ui"), "{page}");
    let parts = ["src=\"", "href=\""];
    let mut assets: Vec<&str> = parts
        .iter()
        .flat_map(|start| page.split(start).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assets.retain(|asset| !asset.starts_with('#'));
    assert!(assets.len() >= 4, "{assets:?}");
    let mut script = String::new();
    for asset in assets {
        assert!(!asset.contains("//"), "{asset} is elsewhere");
        let text = text(&api, &format!("/docs/{}", asset.trim_start_matches("./"))).await;
        if asset.ends_with("initializer.js") {
            script = text;
        }
    }
    assert!(script.contains("/openapi.json"), "{script}");
    assert!(script.contains(r#""validatorUrl": "none""#), "{script}");
    assert!(
        !script.contains("http://") && !script.contains("https://"),
        "{script}"
    );

    let short = api
        .request(Method::GET, "/docs")
        .send()
        .await
        .expect("an answer");
    assert_eq!(short.status(), 200, "with or without the last slash");
}

async fn text(api: &Api, path: &str) -> String {
    let response = api.request(Method::GET, path).send().await;
    let response = response.expect("an answer");
    assert_eq!(response.status(), 200, "{path}");
    String::from_utf8_lossy(&response.bytes().await.expect("a body")).into_owned()
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().expect("an object").iter()
}

fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match value.as_str() {
                Some(text) if name == "$ref" => vec![text],
                _ => references(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}
