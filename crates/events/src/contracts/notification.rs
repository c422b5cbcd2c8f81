//! `notifications.v1`: something that a user is to be told.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Contract, Event};
use crate::topics::Topic;

/// A reminder came due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// The notification: the same in every delivery of it.
    pub id: Uuid,
    /// Who is told.
    pub user_id: Uuid,
    /// What kind it is; [`Notification::REMINDER`] so far.
    pub kind: String,
    /// The task it is about.
    pub task_id: Uuid,
    /// The reminder; absent before 1.1.
    #[serde(default)]
    pub reminder_id: Option<Uuid>,
    /// That task's title when the reminder was set.
    pub title: String,
    /// The IANA time zone that its times are shown in; absent before 1.1.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// When it was to happen.
    pub remind_at: DateTime<Utc>,
    /// When it did.
    pub fired_at: DateTime<Utc>,
}

impl Notification {
    /// The kind of a reminder.
    pub const REMINDER: &'static str = "reminder";
    const REMINDER_TYPE: &'static str = "notification.reminder.v1";
}

impl Event for Notification {
    fn topic(&self) -> Topic {
        Topic::Notifications
    }

    fn key(&self) -> String {
        self.user_id.to_string()
    }

    fn event_type(&self) -> &'static str {
        Self::REMINDER_TYPE
    }

    fn source(&self) -> &'static str {
        "/glasshouse/event-worker"
    }
}

impl Contract for Notification {
    const TYPES: &'static [&'static str] = &[Self::REMINDER_TYPE];

    fn matches(&self, _event_type: &str) -> bool {
        self.kind == Self::REMINDER
    }
}
