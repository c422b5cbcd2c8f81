//! `todo.tasks.v1`: every change of a task, with the task as it is after it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Contract, Event};
use crate::topics::Topic;

/// A task changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskEvent {
    /// What happened.
    pub change: Change,
    /// The task after the change.
    pub task: TaskSnapshot,
}

/// What happened to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Created,
    /// Some field changed.
    Updated,
    /// It is done.
    Completed,
    /// It was done and is open again.
    Reopened,
    /// It is gone.
    Deleted,
}

impl Change {
    const fn event_type(self) -> &'static str {
        match self {
            Self::Created => "todo.task.created.v1",
            Self::Updated => "todo.task.updated.v1",
            Self::Completed => "todo.task.completed.v1",
            Self::Reopened => "todo.task.reopened.v1",
            Self::Deleted => "todo.task.deleted.v1",
        }
    }
}

/// Whether a task is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// To be done.
    Open,
    /// Done.
    Completed,
}

/// How urgent a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Can wait.
    Low,
    /// The default.
    Normal,
    /// Before others.
    High,
    /// Now.
    Urgent,
}

/// A task at one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSnapshot {
    /// The task.
    pub id: Uuid,
    /// Its owner.
    pub user_id: Uuid,
    /// What is to be done.
    pub title: String,
    /// Open or completed.
    pub status: Status,
    /// How urgent.
    pub priority: Priority,
    /// Free labels.
    #[serde(default)]
    pub tags: Vec<String>,
    /// When it should be done.
    #[serde(default)]
    pub due_at: Option<DateTime<Utc>>,
    /// When its owner wants to be reminded.
    #[serde(default)]
    pub remind_at: Option<DateTime<Utc>>,
    /// Grows by one with each change; consumers ignore what is older than what
    /// they have seen.
    pub version: i64,
    /// When the change happened.
    pub updated_at: DateTime<Utc>,
}

impl Event for TaskEvent {
    fn topic(&self) -> Topic {
        Topic::TodoTasks
    }

    fn key(&self) -> String {
        self.task.id.to_string()
    }

    fn event_type(&self) -> &'static str {
        self.change.event_type()
    }

    fn source(&self) -> &'static str {
        "/glasshouse/todo-api"
    }
}

impl Contract for TaskEvent {
    const TYPES: &'static [&'static str] = &[
        Change::Created.event_type(),
        Change::Updated.event_type(),
        Change::Completed.event_type(),
        Change::Reopened.event_type(),
        Change::Deleted.event_type(),
    ];

    fn matches(&self, event_type: &str) -> bool {
        self.change.event_type() == event_type
    }
}
