//! What topics, databases and logs say at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};

use anyhow::Result;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use serde_json::Value;
use sqlx::FromRow;
use testkit::Record;
use uuid::Uuid;

use crate::fault::{Service, Topic};
use crate::ledger::Books;
use crate::world::World;

/// A task as it is kept.
#[derive(Clone, Debug, FromRow)]
pub struct TaskRow {
    /// The task.
    pub id: Uuid,
    /// Its version.
    pub version: i64,
    /// Its title.
    pub title: String,
    /// Whether it is completed.
    pub completed: bool,
}

/// A notification as it is kept.
#[derive(Clone, Debug, FromRow)]
pub struct NotificationRow {
    /// The notification.
    pub id: Uuid,
    /// The task it is about.
    pub task_id: Option<Uuid>,
    /// When it was to happen.
    pub remind_at: Option<DateTime<Utc>>,
    /// When it was kept, by the database's clock, which does not jump.
    pub created_at: DateTime<Utc>,
}

/// A message of a chat as it is kept.
#[derive(Clone, Debug, FromRow)]
pub struct MessageRow {
    /// Whose it is.
    pub user_id: Uuid,
    /// The sender's own id for it.
    pub client_id: Option<String>,
}

/// A customer's message as it is kept.
#[derive(Clone, Debug, FromRow)]
pub struct TicketMessageRow {
    /// The message.
    pub id: Uuid,
    /// The ticket it is part of.
    pub ticket_id: Uuid,
}

/// A task as the API answers with it.
#[derive(Clone, Debug)]
pub struct TaskAnswer {
    /// The HTTP status; 0 if there was no answer.
    pub status: u16,
    /// Its version.
    pub version: i64,
    /// Its title.
    pub title: String,
}

/// A log line that no service should write.
#[derive(Clone, Debug)]
pub struct Alarm {
    service: String,
    message: &'static str,
    fields: String,
}

impl Alarm {
    /// Whether it tells that this service could not leave in time.
    pub fn is_late_end_of(&self, service: Service) -> bool {
        let cut_short = self.message == "service_failed" && self.fields.contains("cut short");
        self.service == service.name()
            && (cut_short || self.message == "shutdown_deadline_exceeded")
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.service, self.message, self.fields)
    }
}

/// All that was read back.
#[derive(Debug, Default)]
pub struct Evidence {
    /// What lies on each topic.
    pub topics: BTreeMap<Topic, Vec<Record>>,
    /// The dead letters of each topic.
    pub letters: BTreeMap<Topic, Vec<Record>>,
    /// The inbox of each service that reads.
    pub inboxes: BTreeMap<Service, BTreeSet<String>>,
    /// What customers were answered, in order.
    pub replies: Vec<Record>,
    /// Every message of every ticket.
    pub ticket_messages: Vec<TicketMessageRow>,
    /// Which events a consumer says it handled, and how often.
    pub handled: BTreeMap<(Topic, i32, i64), u64>,
    /// Rows that were set aside, as `service: cause`.
    pub set_aside: Vec<String>,
    /// What the API answers, for each task that was acknowledged.
    pub answers: BTreeMap<Uuid, TaskAnswer>,
    /// Every task.
    pub tasks: Vec<TaskRow>,
    /// The version of each task that the worker has seen last.
    pub known: BTreeMap<Uuid, i64>,
    /// Every notification.
    pub notifications: Vec<NotificationRow>,
    /// Every chat message.
    pub messages: Vec<MessageRow>,
    /// Log lines that tell of a service that could not go on or leave in order.
    pub alarms: Vec<Alarm>,
}

/// Lines that no service may write, whatever happens to what it depends on.
const ALARMS: [&str; 4] = [
    "service_failed",
    "background_task_failed",
    "shutdown_deadline_exceeded",
    "panic",
];

/// What the worker answers customers on: nobody here reads it.
const REPLIES: &str = "chat.replies.v1";
/// Requests at a time.
const AT_ONCE: usize = 16;

/// Asks for every task of the books, as its owner.
async fn ask(world: &World, books: &Books) -> BTreeMap<Uuid, TaskAnswer> {
    let proper = books.writes.iter().filter(|write| !write.improper);
    let owners: BTreeMap<Uuid, Uuid> = proper
        .filter_map(|write| Some((write.task?, write.user)))
        .collect();
    let asked = owners.into_iter().map(|(task, owner)| async move {
        let token = world
            .users
            .iter()
            .find(|user| user.id == owner)
            .map(|user| &user.token);
        let url = world
            .node(Service::TodoApi)
            .url(&format!("/v1/tasks/{task}"));
        let request = world
            .ground
            .http
            .get(url)
            .bearer_auth(token.map_or("", String::as_str));
        let mut answer = TaskAnswer {
            status: 0,
            version: 0,
            title: String::new(),
        };
        if let Ok(response) = request.send().await {
            answer.status = response.status().as_u16();
            let body: Value = response.json().await.unwrap_or_default();
            answer.version = body["version"].as_i64().unwrap_or_default();
            answer.title = body["title"].as_str().unwrap_or_default().to_owned();
        }
        (task, answer)
    });
    futures_util::stream::iter(asked)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

impl Evidence {
    /// Reads everything.
    ///
    /// # Errors
    /// When a database cannot be read.
    pub async fn gather(world: &World, books: &Books) -> Result<Self> {
        let mut evidence = Self::default();
        for topic in Topic::ALL {
            let name = world.topic(topic);
            evidence.topics.insert(topic, world.kafka.read(&name).await);
            let letters = world.kafka.read(&format!("{name}.dlq")).await;
            evidence.letters.insert(topic, letters);
        }
        let replies = format!("{}{REPLIES}", world.prefix);
        evidence.replies = world.kafka.read(&replies).await;
        for reader in [Service::EventWorker, Service::ChatGateway] {
            let inbox: Vec<Uuid> = sqlx::query_scalar("SELECT event_id FROM inbox")
                .fetch_all(world.pool(reader))
                .await?;
            let inbox = inbox.iter().map(Uuid::to_string).collect();
            evidence.inboxes.insert(reader, inbox);
        }
        evidence.ticket_messages = sqlx::query_as("SELECT id, ticket_id FROM ticket_messages")
            .fetch_all(world.pool(Service::EventWorker))
            .await?;
        for service in [Service::TodoApi, Service::EventWorker] {
            let causes: Vec<Option<String>> =
                sqlx::query_scalar("SELECT cause FROM outbox WHERE failed_at IS NOT NULL")
                    .fetch_all(world.pool(service))
                    .await?;
            let name = service.name();
            let causes = causes
                .into_iter()
                .map(|cause| format!("{name}: {}", cause.unwrap_or_default()));
            evidence.set_aside.extend(causes);
        }
        evidence.tasks = sqlx::query_as(
            "SELECT id, version, title, completed_at IS NOT NULL AS completed FROM tasks",
        )
        .fetch_all(world.pool(Service::TodoApi))
        .await?;
        let known: Vec<(Uuid, i64)> =
            sqlx::query_as("SELECT task_id, task_version FROM known_tasks")
                .fetch_all(world.pool(Service::EventWorker))
                .await?;
        evidence.known = known.into_iter().collect();
        let gateway = world.pool(Service::ChatGateway);
        evidence.notifications =
            sqlx::query_as("SELECT id, task_id, remind_at, created_at FROM notifications")
                .fetch_all(gateway)
                .await?;
        evidence.messages = sqlx::query_as("SELECT user_id, client_id FROM messages")
            .fetch_all(gateway)
            .await?;
        evidence.answers = ask(world, books).await;
        for service in Service::ALL {
            for log in world.logs(service) {
                evidence.read_log(File::open(log)?);
            }
        }
        Ok(evidence)
    }

    /// A killed process may have left half a line: what cannot be read is passed
    /// over.
    fn read_log(&mut self, log: File) {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            let alarm = ALARMS.iter().find(|alarm| line.contains(**alarm));
            let Ok(parsed) = serde_json::from_str::<Value>(&line) else {
                continue;
            };
            let (message, fields) = (&parsed["message"], &parsed["fields"]);
            if let Some(alarm) = alarm.filter(|alarm| message == **alarm) {
                self.alarms.push(Alarm {
                    service: parsed["service"].as_str().unwrap_or_default().to_owned(),
                    message: alarm,
                    fields: fields.to_string(),
                });
            }
            let succeeded = message == "consumer_event" && fields["status"] == "success";
            let topic = Topic::ALL
                .into_iter()
                .find(|topic| fields["topic"] == topic.name());
            let place = (fields["partition"].as_i64(), fields["offset"].as_i64());
            if let (true, Some(topic), (Some(partition), Some(offset))) = (succeeded, topic, place)
                && let Ok(partition) = i32::try_from(partition)
            {
                *self.handled.entry((topic, partition, offset)).or_default() += 1;
            }
        }
    }
}
