//! What the ledger says of each task.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::ledger::{Answer, Books, Change, Write};

/// What must become of a reminder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It fires once.
    Must,
    /// It fires once or not at all: something may have come before it.
    May,
}

/// A task, by its writes.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The version after the last write; none if the last one's answer is not
    /// known.
    pub version: Option<i64>,
    /// Whether it was deleted, for certain.
    pub deleted: bool,
    /// Its title, if that is known.
    pub title: Option<String>,
    /// Its reminders.
    pub reminders: BTreeMap<DateTime<Utc>, Fate>,
    current: Option<DateTime<Utc>>,
    /// Not certainly open.
    over: bool,
}

/// Every task that the ledger knows.
#[derive(Debug, Default)]
pub struct Histories {
    /// By task.
    pub tasks: BTreeMap<Uuid, History>,
    /// Reminders of tasks whose creation was not acknowledged, by title.
    pub unknown: BTreeMap<String, DateTime<Utc>>,
}

impl Histories {
    /// Goes through the books. One writer works on a task at a time, so a task's
    /// writes are in order there.
    pub fn of(books: &Books) -> Self {
        let mut histories = Self::default();
        for write in books
            .writes
            .iter()
            .filter(|write| !write.improper && !write.refused())
        {
            match write.task {
                Some(task) => histories.tasks.entry(task).or_default().add(write),
                None => {
                    if let (Some(title), Some(remind_at)) = (&write.title, write.remind_at) {
                        histories.unknown.insert(title.clone(), remind_at);
                    }
                }
            }
        }
        histories
    }
}

impl History {
    fn add(&mut self, write: &Write) {
        let known = match write.answer {
            Answer::Acknowledged(version) => {
                self.version = Some(version);
                true
            }
            _ => {
                self.version = None;
                false
            }
        };
        if let Some(title) = &write.title {
            self.title = known.then(|| title.clone());
        }
        match write.change {
            Change::Create | Change::Update => {
                if let Some(remind_at) = write.remind_at {
                    self.perhaps_not();
                    // A task that is done reminds nobody.
                    let certain = known && !self.over;
                    let fate = if certain { Fate::Must } else { Fate::May };
                    self.reminders.insert(remind_at, fate);
                    self.current = Some(remind_at);
                }
            }
            // Whether a reminder fires that was set before depends on which came
            // first.
            Change::Complete | Change::Reopen | Change::Delete => {
                self.perhaps_not();
                self.over = !known || write.change != Change::Reopen;
            }
        }
        self.deleted = known && write.change == Change::Delete;
    }

    fn perhaps_not(&mut self) {
        if let Some(current) = self.current
            && let Some(fate) = self.reminders.get_mut(&current)
        {
            *fate = Fate::May;
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn write(
        task: Uuid,
        change: Change,
        remind_at: Option<DateTime<Utc>>,
        answer: Answer,
    ) -> Write {
        Write {
            number: 0,
            user: Uuid::nil(),
            change,
            task: Some(task),
            title: Some("t".to_owned()),
            remind_at,
            improper: false,
            keyed: false,
            answer,
            sent_at: Utc::now(),
            answered_at: Utc::now(),
        }
    }

    fn fates(writes: Vec<Write>) -> Vec<Fate> {
        let task = writes[0].task.expect("a task");
        let books = Books {
            writes,
            ..Books::default()
        };
        let histories = Histories::of(&books);
        histories.tasks[&task].reminders.values().copied().collect()
    }

    #[test]
    fn a_reminder_must_fire_unless_something_may_have_come_before_it() {
        let task = Uuid::now_v7();
        let soon = Utc::now();
        let later = soon + TimeDelta::seconds(1);
        let done = Answer::Acknowledged;
        let unknown = || Answer::Unknown {
            why: String::new(),
            cut: false,
        };
        let create = || write(task, Change::Create, Some(soon), done(1));
        assert_eq!(fates(vec![create()]), [Fate::Must]);
        let update = write(task, Change::Update, None, done(2));
        assert_eq!(fates(vec![create(), update]), [Fate::Must]);
        let moved = write(task, Change::Update, Some(later), done(2));
        assert_eq!(fates(vec![create(), moved]), [Fate::May, Fate::Must]);
        let moved = write(task, Change::Update, Some(later), unknown());
        assert_eq!(fates(vec![create(), moved]), [Fate::May, Fate::May]);
        let completed = write(task, Change::Complete, None, unknown());
        assert_eq!(fates(vec![create(), completed]), [Fate::May]);
        let reopened = write(task, Change::Reopen, None, done(3));
        let completed = write(task, Change::Complete, None, done(2));
        assert_eq!(fates(vec![create(), completed, reopened]), [Fate::May]);
        let completed = write(task, Change::Complete, None, done(2));
        let moved = write(task, Change::Update, Some(later), done(3));
        assert_eq!(fates(vec![create(), completed, moved]), [Fate::May; 2]);
    }
}
