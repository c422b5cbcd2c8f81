use chrono::{DateTime, Utc};
use events::contracts::{self, Change, ReminderSnapshot, TaskEvent, TaskSnapshot};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::domain::{Description, Invalid, Tag, TimeZone, Title};
use super::recurrence::{NewRecurrence, Recurrence, Scope};
use super::reminders::{self, Reminder, When};
use crate::Error;

/// How urgent a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Priority {
    Low,
    Normal,
    High,
    Urgent,
}

impl Priority {
    const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Urgent];

    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "low" => Ok(Self::Low),
            "normal" => Ok(Self::Normal),
            "high" => Ok(Self::High),
            "urgent" => Ok(Self::Urgent),
            _ => Err(Invalid {
                code: "unknown_value",
                message: "must be low, normal, high or urgent".to_owned(),
            }),
        }
    }

    /// As in the database.
    pub(super) fn number(self) -> i16 {
        self as i16
    }

    /// From the database, whose constraint allows no other numbers.
    pub(super) fn stored(number: i16) -> Self {
        usize::try_from(number)
            .ok()
            .and_then(|index| Self::ALL.get(index).copied())
            .unwrap_or(Self::Normal)
    }
}

/// Whether a task is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Open,
    Completed,
}

impl Status {
    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "open" => Ok(Self::Open),
            "completed" => Ok(Self::Completed),
            _ => Err(Invalid {
                code: "unknown_value",
                message: "must be open or completed".to_owned(),
            }),
        }
    }
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) id: Uuid,
    pub(super) user_id: Uuid,
    pub(super) title: Title,
    pub(super) description: Option<Description>,
    pub(super) priority: Priority,
    pub(super) tags: Vec<Tag>,
    pub(super) due_at: Option<DateTime<Utc>>,
    pub(super) reminders: Vec<Reminder>,
    pub(super) time_zone: Option<TimeZone>,
    pub(super) recurrence: Option<Recurrence>,
    pub(super) completed_at: Option<DateTime<Utc>>,
    pub(super) version: i64,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
}

/// What a new task starts with.
pub(super) struct Draft {
    pub(super) title: Title,
    pub(super) description: Option<Description>,
    pub(super) priority: Option<Priority>,
    pub(super) tags: Vec<Tag>,
    pub(super) due_at: Option<DateTime<Utc>>,
    pub(super) reminders: Vec<Reminder>,
    pub(super) time_zone: Option<TimeZone>,
    pub(super) recurrence: Option<Recurrence>,
}

/// Other values for some fields; the inner `None` clears one.
#[derive(Default)]
pub(super) struct Patch {
    pub(super) title: Option<Title>,
    pub(super) description: Option<Option<Description>>,
    pub(super) priority: Option<Priority>,
    pub(super) tags: Option<Vec<Tag>>,
    pub(super) due_at: Option<Option<DateTime<Utc>>>,
    /// With their places in what was sent.
    pub(super) reminders: Option<Vec<(usize, When)>>,
    pub(super) time_zone: Option<Option<TimeZone>>,
    pub(super) recurrence: Option<Option<NewRecurrence>>,
    /// What of a series it is for.
    pub(super) scope: Scope,
}

impl Task {
    pub(super) fn new(user_id: Uuid, draft: Draft, now: DateTime<Utc>) -> Self {
        Self {
            // Ordered by time, so that new rows go to one end of the index.
            id: Uuid::now_v7(),
            user_id,
            title: draft.title,
            description: draft.description,
            priority: draft.priority.unwrap_or(Priority::Normal),
            tags: draft.tags,
            due_at: draft.due_at,
            reminders: draft.reminders,
            time_zone: draft.time_zone,
            recurrence: draft.recurrence,
            completed_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    pub(super) fn status(&self) -> Status {
        if self.completed_at.is_some() {
            Status::Completed
        } else {
            Status::Open
        }
    }

    /// The task with other values. The same task if nothing is different.
    pub(super) fn patched(&self, patch: &Patch, now: DateTime<Utc>) -> Result<Self, Error> {
        fn set<T: Clone>(slot: &mut T, value: &Option<T>) {
            if let Some(value) = value {
                slot.clone_from(value);
            }
        }
        let mut task = self.clone();
        set(&mut task.title, &patch.title);
        set(&mut task.description, &patch.description);
        set(&mut task.priority, &patch.priority);
        set(&mut task.tags, &patch.tags);
        set(&mut task.due_at, &patch.due_at);
        set(&mut task.time_zone, &patch.time_zone);
        if task.due_at != self.due_at {
            let moved = |reminder: &Reminder| reminder.moved(task.due_at, now);
            task.reminders = self.reminders.iter().map(moved).collect();
        }
        if let Some(wanted) = &patch.reminders {
            task.reminders = reminders::set_all(wanted, &task.reminders, task.due_at, now)
                .map_err(Error::Invalid)?;
        }
        self.patch_series(&mut task, patch)?;
        Ok(task)
    }

    /// The task, done. The same task if it is.
    pub(super) fn completed(&self, now: DateTime<Utc>) -> Self {
        Self {
            completed_at: self.completed_at.or(Some(now)),
            ..self.clone()
        }
    }

    /// The task, open. The same task if it is.
    pub(super) fn reopened(&self) -> Self {
        Self {
            completed_at: None,
            ..self.clone()
        }
    }

    /// The task as its next version.
    pub(super) fn next_version(self, now: DateTime<Utc>) -> Self {
        Self {
            version: self.version + 1,
            // Even if a clock was set back.
            updated_at: now.max(self.updated_at),
            ..self
        }
    }

    /// The event that tells of a change to this version.
    pub(super) fn event(&self, change: Change) -> TaskEvent {
        let firing = |reminder: &Reminder| {
            Some(ReminderSnapshot {
                id: reminder.id,
                at: reminder.fires_at?,
            })
        };
        let reminders: Vec<_> = self.reminders.iter().filter_map(firing).collect();
        TaskEvent {
            change,
            task: TaskSnapshot {
                id: self.id,
                user_id: self.user_id,
                title: self.title.as_str().to_owned(),
                status: match self.status() {
                    Status::Open => contracts::Status::Open,
                    Status::Completed => contracts::Status::Completed,
                },
                priority: match self.priority {
                    Priority::Low => contracts::Priority::Low,
                    Priority::Normal => contracts::Priority::Normal,
                    Priority::High => contracts::Priority::High,
                    Priority::Urgent => contracts::Priority::Urgent,
                },
                tags: self
                    .tags
                    .iter()
                    .map(|tag| tag.as_str().to_owned())
                    .collect(),
                due_at: self.due_at,
                remind_at: reminders.iter().map(|reminder| reminder.at).min(),
                reminders: Some(reminders),
                time_zone: self.time_zone.as_ref().map(|zone| zone.as_str().to_owned()),
                series: self.recurrence.as_ref().map(Recurrence::snapshot),
                version: self.version,
                updated_at: self.updated_at,
            },
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use chrono::TimeDelta;

    use super::super::domain::now;
    use super::*;

    pub(in super::super) fn draft() -> Draft {
        Draft {
            title: Title::parse("Buy milk").unwrap(),
            description: None,
            priority: None,
            tags: Vec::new(),
            due_at: None,
            reminders: Vec::new(),
            time_zone: None,
            recurrence: None,
        }
    }

    fn task() -> Task {
        Task::new(Uuid::nil(), draft(), now())
    }

    #[test]
    fn a_patch_sets_clears_and_leaves() {
        let described = Patch {
            description: Some(Some(Description::parse("two litres").unwrap())),
            ..Patch::default()
        };
        let task = task().patched(&described, now()).unwrap();
        assert_eq!(task.description.as_ref().unwrap().as_str(), "two litres");
        assert_eq!(task.title.as_str(), "Buy milk");
        assert_eq!(task.patched(&Patch::default(), now()).unwrap(), task);
        let cleared = Patch {
            description: Some(None),
            ..Patch::default()
        };
        assert_eq!(task.patched(&cleared, now()).unwrap().description, None);
    }

    #[test]
    fn reminders_move_with_the_due_date_and_only_with_it() {
        let due = now() + TimeDelta::hours(2);
        let when = When::MinutesBeforeDue(60);
        let task = Task {
            due_at: Some(due),
            reminders: vec![Reminder::new(when, Some(due), now()).unwrap()],
            ..task()
        };
        let patch = |due_at| Patch {
            due_at: Some(Some(due_at)),
            ..Patch::default()
        };
        assert_eq!(task.patched(&patch(due), now()).unwrap(), task);
        let later = due + TimeDelta::days(1);
        let moved = task.patched(&patch(later), now()).unwrap();
        assert_eq!(
            moved.reminders[0].fires_at,
            Some(later - TimeDelta::hours(1))
        );
        let told = moved.event(Change::Updated).task;
        assert_eq!(told.remind_at, moved.reminders[0].fires_at);
        assert_eq!(told.reminders().len(), 1);
    }

    #[test]
    fn completing_twice_changes_nothing() {
        let done = task().completed(now());
        assert_eq!(done.status(), Status::Completed);
        assert_eq!(done.completed(now() + TimeDelta::hours(1)), done);
        assert_eq!(done.reopened().status(), Status::Open);
    }

    #[test]
    fn versions_grow_and_time_does_not_run_back() {
        let task = task();
        let next = task
            .clone()
            .next_version(task.updated_at - TimeDelta::hours(1));
        assert_eq!((next.version, next.updated_at), (2, task.updated_at));
    }
}
