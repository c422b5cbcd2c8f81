//! What an event means for the reminders of its task.

use chrono::{DateTime, Utc};
use events::contracts::{Change, Status, TaskEvent};

/// What an event asks for.
pub(super) struct Plan<'a> {
    event: &'a TaskEvent,
    is_over: bool,
}

impl<'a> Plan<'a> {
    pub fn of(event: &'a TaskEvent) -> Self {
        let is_over = event.change == Change::Deleted || event.task.status == Status::Completed;
        Self { event, is_over }
    }

    /// The state of a reminder at `at`. One that the event does not name is
    /// cancelled.
    pub fn status(&self, at: DateTime<Utc>) -> &'static str {
        // The event's own time, not the clock: a worker that was stopped fires
        // what came due in between.
        let was_past = at <= self.event.task.updated_at;
        match self.event.change {
            _ if self.is_over => "cancelled",
            Change::Reopened if was_past => "cancelled",
            _ => "scheduled",
        }
    }

    /// States that stay as they are if the time is the one they had: what was
    /// fired for a time is not fired for it again.
    pub fn keep(&self) -> &'static [&'static str] {
        match self.event.change {
            _ if self.is_over => &["fired"],
            Change::Reopened => &["fired"],
            _ => &["fired", "cancelled", "failed"],
        }
    }
}

#[cfg(test)]
mod tests {
    use events::contracts::{Priority, TaskSnapshot};

    use super::*;

    const NOW: &str = "2026-11-21T10:00:00Z";
    const LATER: &str = "2026-11-21T10:00:01Z";
    const EARLIER: &str = "2026-11-21T09:59:59Z";

    fn event(change: Change) -> TaskEvent {
        let status = match change {
            Change::Completed => Status::Completed,
            _ => Status::Open,
        };
        TaskEvent {
            change,
            task: TaskSnapshot {
                id: uuid::Uuid::nil(),
                user_id: uuid::Uuid::nil(),
                title: String::new(),
                status,
                priority: Priority::Normal,
                tags: Vec::new(),
                due_at: None,
                remind_at: None,
                reminders: None,
                time_zone: None,
                series: None,
                version: 1,
                updated_at: NOW.parse().expect("a time"),
            },
        }
    }

    #[test]
    fn what_each_change_means() {
        for (change, at, status) in [
            (Change::Created, LATER, "scheduled"),
            (Change::Created, EARLIER, "scheduled"),
            (Change::Updated, LATER, "scheduled"),
            (Change::ReminderSet, LATER, "scheduled"),
            (Change::ReminderSnoozed, LATER, "scheduled"),
            (Change::ReminderCancelled, LATER, "scheduled"),
            (Change::Completed, LATER, "cancelled"),
            (Change::Deleted, LATER, "cancelled"),
            (Change::Reopened, LATER, "scheduled"),
            (Change::Reopened, EARLIER, "cancelled"),
        ] {
            let event = event(change);
            let planned = Plan::of(&event).status(at.parse().expect("a time"));
            assert_eq!(planned, status, "{change:?} {at}");
        }
    }

    #[test]
    fn an_edit_neither_fires_again_nor_revives() {
        let event = |change| Plan::of(&event(change)).keep();
        for change in [Change::Updated, Change::ReminderSet] {
            let keep = event(change);
            assert!(keep.contains(&"fired") && keep.contains(&"cancelled"));
        }
        let keep = event(Change::Reopened);
        assert!(keep.contains(&"fired") && !keep.contains(&"cancelled"));
    }
}
