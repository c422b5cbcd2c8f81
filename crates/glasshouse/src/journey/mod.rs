//! One action followed through the whole system.
//!
//! The demo user asks in chat for a task with a reminder a second ahead and
//! waits for the reminder's push. What happens in between is read off the two
//! Kafka topics on the way, where they can be reached; afterwards the action is
//! looked up in Prometheus, Jaeger and Loki, where they run.

#![allow(
    clippy::disallowed_methods,
    reason = "the journey asks from outside, as a browser does, with a trace of its own"
)]

mod chat;
mod lookup;
mod report;
mod tap;

use std::time::Instant;

use anyhow::Result;
use url::Url;
use uuid::Uuid;

use chat::Chat;
pub use report::{Finding, Hop, Report};
use tap::Tap;

/// Where the system is, and who signs in.
#[derive(Clone, Debug)]
pub struct Options {
    /// The public address of chat-gateway.
    pub gateway: Url,
    /// Kafka's bootstrap brokers, where they can be reached.
    pub kafka: Option<String>,
    /// What stands in front of the topics' names.
    pub topic_prefix: String,
    /// Prometheus, where it runs.
    pub prometheus: Option<Url>,
    /// Jaeger, where it runs.
    pub jaeger: Option<Url>,
    /// Loki, where it runs.
    pub loki: Option<Url>,
    /// The e-mail address of the account that acts.
    pub user: String,
    /// Its password.
    pub password: String,
}

/// A new trace, as the browser makes one for each action.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
}

impl Trace {
    fn begin() -> Self {
        let mut span_id = Uuid::new_v4().simple().to_string();
        span_id.truncate(16);
        Self {
            trace_id: Uuid::new_v4().simple().to_string(),
            span_id,
        }
    }

    fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.trace_id, self.span_id)
    }
}

/// Opens the account that `options` name, for a system that has no demo account.
///
/// # Errors
/// When the gateway does not answer, or refuses it.
pub async fn register(options: &Options) -> Result<()> {
    chat::register(options, &client()?).await
}

/// Signs the account in: its access token.
///
/// # Errors
/// When the gateway does not answer, or refuses it.
pub async fn sign_in(options: &Options) -> Result<String> {
    chat::sign_in(options, &client()?).await
}

fn client() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .timeout(std::time::Duration::from_secs(10))
        .build()?)
}

/// Makes the journey. A hop that fails ends it and is in the report.
///
/// # Errors
/// When it could not even begin: no HTTP client, no tap on a broker that is
/// there.
pub async fn run(options: &Options) -> Result<Report> {
    let http = client()?;
    let trace = Trace::begin();
    let before = lookup::Before::take(options, &http).await;
    let tap = match &options.kafka {
        Some(brokers) => Some(Tap::open(brokers, &options.topic_prefix, &trace.trace_id).await?),
        None => None,
    };
    let mut report = Report::new(&trace.trace_id);
    let started = Instant::now();
    if let Err(error) = travel(options, &http, &trace, tap, &mut report).await {
        report.fail(&error);
        return Ok(report);
    }
    report.total = started.elapsed();
    report.findings = lookup::all(options, &http, &trace, before).await;
    Ok(report)
}

/// The hops in their order; the first error names the hop that failed.
async fn travel(
    options: &Options,
    http: &reqwest::Client,
    trace: &Trace,
    tap: Option<Tap>,
    report: &mut Report,
) -> Result<()> {
    let token = report
        .hop("sign in", "HTTP")
        .timed(chat::sign_in(options, http))
        .await?;
    let mut chat = report
        .hop("open the WebSocket", "HTTP → WebSocket")
        .timed(Chat::open(&options.gateway, &token))
        .await?;
    let task = report
        .hop("chat → task", "WebSocket → HTTP → PostgreSQL + outbox")
        .timed(chat.ask_for_task(&trace.traceparent()))
        .await?;

    let Some(mut tap) = tap else {
        let hop = report.hop("task → push", "outbox → Kafka → worker → Kafka → WebSocket");
        return hop.timed(chat.reminder(&task)).await.map(drop);
    };
    let hop = report.hop("outbox → Kafka", "todo.tasks.v1");
    let event = tap.task_event().await?;
    hop.took(event.published - event.occurred);

    let hop = report.hop("Kafka → worker", "reminder set, fired when due");
    let event = tap.notification().await?;
    hop.took(event.lateness());

    let hop = report.hop("worker → Kafka", "outbox → notifications.v1");
    hop.took(event.published - event.occurred);

    let hop = report.hop("Kafka → push", "notifications.v1 → Redis → WebSocket");
    let pushed = chat.reminder(&task).await?;
    hop.took(pushed - event.published);
    Ok(())
}
