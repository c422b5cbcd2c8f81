//! A running todo-api, and one user of it.

use std::collections::BTreeMap;

use nix::sys::signal::Signal;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{Record, Schemas, Service, SystemBuilder, Who};

/// The service with a database and topics of its own.
pub(crate) struct Api {
    parts: SystemBuilder,
    service: Service,
    http: reqwest::Client,
    variables: BTreeMap<&'static str, String>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
}

impl Api {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With these variables besides the usual ones.
    pub(crate) async fn start_with(variables: &[(&'static str, &str)]) -> Self {
        Self::start_on(SystemBuilder::new().await, variables).await
    }

    /// On a database that is there already.
    pub(crate) async fn start_on(parts: SystemBuilder, variables: &[(&'static str, &str)]) -> Self {
        let variables = variables
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let service = start(&parts, &variables).await;
        Self {
            parts,
            service,
            http: reqwest::Client::new(),
            variables,
        }
    }

    /// Ends the process without a warning.
    pub(crate) async fn crash(&mut self) {
        self.service.signal(Signal::SIGKILL);
        self.service.ended().await;
    }

    /// Starts another process in place of the one that crashed.
    pub(crate) async fn restart(&mut self) {
        self.service = start(&self.parts, &self.variables).await;
    }

    /// Restarts from here on keep the address.
    pub(crate) fn keep_address(&mut self) {
        let url = self.service.url("");
        let address = url.trim_start_matches("http://").to_owned();
        self.variables.insert("LISTEN_ADDRESS", address);
    }

    /// The running process.
    pub(crate) fn service(&self) -> &Service {
        &self.service
    }

    /// Somebody who was there before.
    pub(crate) fn client(&self, who: &Who) -> Client<'_> {
        Client {
            api: self,
            who: who.clone(),
        }
    }

    /// Somebody who was not there before.
    pub(crate) fn user(&self) -> Client<'_> {
        Client {
            api: self,
            who: self.parts.keys.user(),
        }
    }

    /// A token of somebody that ends in `seconds`, or ended so long ago.
    pub(crate) fn token(&self, seconds: i64) -> String {
        self.parts.keys.token(self.parts.keys.user().id, seconds)
    }

    /// A request without a token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.service.url(path))
    }

    /// How often an operation was counted.
    pub(crate) async fn operations(&self, operation: &str) -> f64 {
        self.counted("task_operations_total", "operation", operation)
            .await
    }

    /// What a metric with one label says.
    pub(crate) async fn counted(&self, metric: &str, label: &str, value: &str) -> f64 {
        self.service.metrics().await.sum(metric, &[(label, value)])
    }

    /// How often a feature was counted.
    pub(crate) async fn used(&self, feature: &str) -> f64 {
        let labels = [("feature", feature)];
        self.service
            .metrics()
            .await
            .sum("feature_usage_total", &labels)
    }

    /// How much memory the service has, in bytes.
    pub(crate) async fn memory(&self) -> f64 {
        self.service
            .metrics()
            .await
            .sum("process_resident_memory_bytes", &[])
    }

    /// A look inside.
    pub(crate) async fn database(&self) -> PgPool {
        self.parts.database("todo-api").pool().await
    }

    /// Every event of any task, once all of them have left the outbox.
    pub(crate) async fn published(&self) -> Vec<Record> {
        self.parts.published("todo-api", "todo.tasks.v1").await
    }

    /// Every event about this task, each checked against its schema, once all of
    /// them have left the outbox.
    pub(crate) async fn events(&self, task: &Value) -> Vec<Record> {
        let mut events = self.published().await;
        events.retain(|event| event.key.as_deref() == task["id"].as_str());
        let schemas = Schemas::load();
        for event in &events {
            schemas.check_produced(&event.header("ce_type"), &event.json());
        }
        events
    }
}

async fn start(parts: &SystemBuilder, variables: &BTreeMap<&'static str, String>) -> Service {
    let builder = parts.todo_api();
    let builder = variables
        .iter()
        .fold(builder, |builder, (name, value)| builder.env(name, value));
    builder.start().await
}

/// One user.
pub(crate) struct Client<'a> {
    api: &'a Api,
    pub(crate) who: Who,
}

impl Client<'_> {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.api.request(method, path).bearer_auth(&self.who.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn patch(&self, task: &Value, body: &Value) -> Answer {
        answer(self.request(Method::PATCH, &path(task)).json(body)).await
    }

    /// Completes or reopens.
    pub(crate) async fn act(&self, task: &Value, action: &str) -> Answer {
        let path = format!("{}/{action}", path(task));
        answer(self.request(Method::POST, &path)).await
    }

    pub(crate) async fn delete(&self, task: &Value) -> Answer {
        answer(self.request(Method::DELETE, &path(task))).await
    }

    /// A new task, which the API must accept.
    pub(crate) async fn create(&self, body: Value) -> Value {
        let created = self.post("/v1/tasks", &body).await;
        assert_eq!(created.status, 201, "{body}: {created:?}");
        created.body
    }

    pub(crate) async fn titled(&self, title: &str) -> Value {
        self.create(json!({ "title": title })).await
    }

    /// The titles of a list, in its order.
    pub(crate) async fn titles(&self, query: &str) -> Vec<String> {
        let list = self.get(&format!("/v1/tasks?{query}")).await;
        assert_eq!(list.status, 200, "{query}: {list:?}");
        titles(&list.body)
    }
}

pub(crate) fn titles(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("items");
    let title = |task: &Value| task["title"].as_str().expect("a title").to_owned();
    items.iter().map(title).collect()
}

pub(crate) fn path(task: &Value) -> String {
    format!("/v1/tasks/{}", task["id"].as_str().expect("an id"))
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let headers = response.headers().iter();
    Answer {
        status: response.status().as_u16(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("").to_owned()))
            .collect(),
        body: response.json().await.unwrap_or_default(),
    }
}

impl Answer {
    /// What kind of problem it is.
    pub(crate) fn problem(&self) -> (u16, &str) {
        let kind = self.headers.get("content-type").map(String::as_str);
        assert_eq!(kind, Some("application/problem+json"), "{self:?}");
        assert_eq!(self.body["status"], self.status, "{self:?}");
        assert!(self.body["title"].is_string(), "{self:?}");
        (self.status, self.body["code"].as_str().expect("a code"))
    }
}
