//! What an event means for the reminder of its task.

use events::contracts::{Change, Status, TaskEvent};

/// The state an event asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// `none`, `scheduled` or `cancelled`.
    pub status: &'static str,
    /// States that stay as they are if the time is the one they had: what was
    /// fired for a time is not fired for it again.
    pub keep: &'static [&'static str],
}

impl Plan {
    pub fn of(event: &TaskEvent) -> Self {
        let task = &event.task;
        let is_over = event.change == Change::Deleted || task.status == Status::Completed;
        let Some(remind_at) = task.remind_at else {
            let status = if is_over { "cancelled" } else { "none" };
            return Self { status, keep: &[] };
        };
        // The event's own time, not the clock: a worker that was stopped fires
        // what came due in between.
        let was_past = remind_at <= task.updated_at;
        match event.change {
            _ if is_over => Self {
                status: "cancelled",
                keep: &["fired"],
            },
            Change::Reopened if was_past => Self {
                status: "cancelled",
                keep: &["fired"],
            },
            Change::Reopened => Self {
                status: "scheduled",
                keep: &["fired"],
            },
            _ => Self {
                status: "scheduled",
                keep: &["fired", "cancelled", "failed"],
            },
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

    fn plan(change: Change, remind_at: Option<&str>) -> Plan {
        let status = match change {
            Change::Completed => Status::Completed,
            _ => Status::Open,
        };
        Plan::of(&TaskEvent {
            change,
            task: TaskSnapshot {
                id: uuid::Uuid::nil(),
                user_id: uuid::Uuid::nil(),
                title: String::new(),
                status,
                priority: Priority::Normal,
                tags: Vec::new(),
                due_at: None,
                remind_at: remind_at.map(|time| time.parse().expect("a time")),
                version: 1,
                updated_at: NOW.parse().expect("a time"),
            },
        })
    }

    #[test]
    fn what_each_change_means() {
        for (change, remind_at, status) in [
            (Change::Created, None, "none"),
            (Change::Created, Some(LATER), "scheduled"),
            (Change::Updated, Some(LATER), "scheduled"),
            (Change::Updated, None, "none"),
            (Change::Completed, Some(LATER), "cancelled"),
            (Change::Deleted, Some(LATER), "cancelled"),
            (Change::Deleted, None, "cancelled"),
            (Change::Reopened, Some(LATER), "scheduled"),
            (Change::Reopened, Some(EARLIER), "cancelled"),
        ] {
            assert_eq!(
                plan(change, remind_at).status,
                status,
                "{change:?} {remind_at:?}"
            );
        }
    }

    #[test]
    fn an_edit_neither_fires_again_nor_revives() {
        let keep = plan(Change::Updated, Some(EARLIER)).keep;
        assert!(keep.contains(&"fired") && keep.contains(&"cancelled"));
        let keep = plan(Change::Reopened, Some(LATER)).keep;
        assert!(keep.contains(&"fired") && !keep.contains(&"cancelled"));
    }
}
