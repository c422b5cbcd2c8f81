//! `todo.tasks.v1`: every change of a task, with the task as it is after it.
//!
//! Since 1.1: several reminders, the time zone, the series, and the three
//! changes of a reminder. Of what 1.0 says nothing, nothing is assumed.

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
    /// A reminder was added.
    ReminderSet,
    /// A reminder was put off.
    ReminderSnoozed,
    /// A reminder was taken away.
    ReminderCancelled,
}

impl Change {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Created,
        Self::Updated,
        Self::Completed,
        Self::Reopened,
        Self::Deleted,
        Self::ReminderSet,
        Self::ReminderSnoozed,
        Self::ReminderCancelled,
    ];

    const fn event_type(self) -> &'static str {
        match self {
            Self::Created => "todo.task.created.v1",
            Self::Updated => "todo.task.updated.v1",
            Self::Completed => "todo.task.completed.v1",
            Self::Reopened => "todo.task.reopened.v1",
            Self::Deleted => "todo.task.deleted.v1",
            Self::ReminderSet => "todo.task.reminder_set.v1",
            Self::ReminderSnoozed => "todo.task.reminder_snoozed.v1",
            Self::ReminderCancelled => "todo.task.reminder_cancelled.v1",
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

/// How urgent a task or a ticket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// The earliest of the reminders, for consumers of 1.0, which know one only.
    #[serde(default)]
    pub remind_at: Option<DateTime<Utc>>,
    /// Every reminder that is to fire, or has; see [`TaskSnapshot::reminders`].
    #[serde(default)]
    pub reminders: Option<Vec<ReminderSnapshot>>,
    /// The IANA time zone that its times are shown in.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// Its place in a series, if it repeats.
    #[serde(default)]
    pub series: Option<SeriesSnapshot>,
    /// Grows by one with each change; consumers ignore what is older than what
    /// they have seen.
    pub version: i64,
    /// When the change happened.
    pub updated_at: DateTime<Utc>,
}

/// One reminder of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReminderSnapshot {
    /// The reminder, the same for as long as it exists.
    pub id: Uuid,
    /// When it fires. With another time than before, it fires again.
    pub at: DateTime<Utc>,
}

/// The place of a task in a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesSnapshot {
    /// The same for every occurrence.
    pub id: Uuid,
    /// Which occurrence it is, from 1.
    pub number: u32,
    /// The recurrence rule (RFC 5545).
    pub rule: String,
}

impl TaskSnapshot {
    /// Its reminders, in events of any minor version: the one of 1.0 has the
    /// task's own id.
    pub fn reminders(&self) -> Vec<ReminderSnapshot> {
        let only = || {
            self.remind_at
                .map(|at| ReminderSnapshot { id: self.id, at })
        };
        match &self.reminders {
            Some(reminders) => reminders.clone(),
            None => only().into_iter().collect(),
        }
    }
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
        Change::ReminderSet.event_type(),
        Change::ReminderSnoozed.event_type(),
        Change::ReminderCancelled.event_type(),
    ];

    fn matches(&self, event_type: &str) -> bool {
        self.change.event_type() == event_type
    }
}
