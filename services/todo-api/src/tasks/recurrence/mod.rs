//! Tasks that repeat: each occurrence is a task, and completing or deleting it
//! makes the next one.
//!
//! The last task of a series carries what is needed for the next: the rule, and,
//! if this one was changed by itself, what the others are like.

mod body;
mod edit;
mod rule;

pub(super) use body::{NewRecurrenceBody, RecurrenceBody, read};
pub(super) use edit::{Scope, ScopeQuery};
pub(super) use rule::Rule;

use chrono::{DateTime, Utc};
use events::contracts::SeriesSnapshot;
use jiff::{Unit, civil};
use serde::{Deserialize, Serialize};
use service::problem::FieldError;
use uuid::Uuid;

use super::{
    domain::{Description, Tag, TimeZone, Title},
    reminders::Reminder,
    task::{Priority, Task},
    zone,
};

/// Most exceptions of a rule.
const MOST_EXDATES: usize = 100;
/// More candidates than exceptions and clock changes can rule out.
const MOST_STEPS: usize = MOST_EXDATES + 20;

/// What somebody asks for: a rule and its exceptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewRecurrence {
    pub(super) rule: Rule,
    pub(super) exdates: Vec<DateTime<Utc>>,
}

/// The series of a task, and its place in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recurrence {
    series_id: Uuid,
    rule: Rule,
    exdates: Vec<DateTime<Utc>>,
    /// Where the local times are.
    zone: String,
    /// When this occurrence is due by the rule, in local time; the task's own
    /// due date may have been moved.
    nominal: civil::DateTime,
    /// Which occurrence it is since the rule was set, from 1. What an exception
    /// rules out counts too.
    number: u32,
    /// The task of the next occurrence, once there is one.
    next: Option<Uuid>,
    /// What the next occurrence is like, if this one was changed by itself.
    template: Option<Template>,
}

/// What the occurrences of a series have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Template {
    title: String,
    description: Option<String>,
    priority: i16,
    tags: Vec<String>,
    time_zone: Option<String>,
}

/// An occurrence to come.
struct Step {
    nominal: civil::DateTime,
    due_at: DateTime<Utc>,
    number: u32,
}

fn no_due_at() -> FieldError {
    FieldError::new(
        "due_at",
        "undated_recurrence",
        "a task that repeats is due at some time",
    )
}

impl Recurrence {
    /// A series that begins with a task that is due then.
    pub(super) fn begin(
        new: NewRecurrence,
        due_at: Option<DateTime<Utc>>,
        time_zone: Option<&TimeZone>,
    ) -> Result<Self, FieldError> {
        let due_at = due_at.ok_or_else(no_due_at)?;
        let mut begun = Self {
            series_id: Uuid::now_v7(),
            rule: new.rule,
            exdates: new.exdates,
            zone: String::new(),
            nominal: civil::DateTime::ZERO,
            number: 1,
            next: None,
            template: None,
        };
        let anchored = begun.anchor(due_at, time_zone);
        // A rule that names nothing more is a mistake, and one that has to be
        // searched for long is a burden: both are refused here.
        anchored.and_then(|()| begun.following()).ok_or_else(|| {
            let message = "must name a time after due_at that is not an exception";
            FieldError::new("recurrence.rule", "never_repeats", message)
        })?;
        Ok(begun)
    }

    /// Goes on from a due date, and in a zone: without one, in UTC.
    fn anchor(&mut self, due_at: DateTime<Utc>, time_zone: Option<&TimeZone>) -> Option<()> {
        self.zone = time_zone.map_or("UTC", TimeZone::as_str).to_owned();
        // Rules know no fractions.
        let local = zone::local(due_at, &self.zone())?;
        self.nominal = local.round((Unit::Second, 1)).unwrap_or(local);
        Some(())
    }

    fn zone(&self) -> TimeZone {
        TimeZone::stored(self.zone.clone())
    }

    /// The occurrence after this one; None at the end.
    fn following(&self) -> Option<Step> {
        let zone = self.zone();
        let mut last = zone::moment(self.nominal, &zone)?;
        let mut number = self.number;
        for nominal in self.rule.after(self.nominal).take(MOST_STEPS) {
            let due_at = zone::moment(nominal, &zone)?;
            // Two times of an hourly rule are one where clocks skip an hour.
            if due_at <= last {
                continue;
            }
            last = due_at;
            number += 1;
            if self.rule.ended(number, nominal, due_at) {
                return None;
            }
            if !self.exdates.contains(&due_at) {
                return Some(Step {
                    nominal,
                    due_at,
                    number,
                });
            }
        }
        None
    }

    /// What is left out.
    pub(super) fn exdates(&self) -> &[DateTime<Utc>] {
        &self.exdates
    }

    /// As consumers are told.
    pub(super) fn snapshot(&self) -> SeriesSnapshot {
        SeriesSnapshot {
            id: self.series_id,
            number: self.number,
            rule: self.rule.as_str().to_owned(),
        }
    }
}

impl Template {
    fn of(task: &Task) -> Self {
        Self {
            title: task.title.as_str().to_owned(),
            description: task
                .description
                .as_ref()
                .map(|text| text.as_str().to_owned()),
            priority: task.priority.number(),
            tags: task
                .tags
                .iter()
                .map(|tag| tag.as_str().to_owned())
                .collect(),
            time_zone: task.time_zone.as_ref().map(|zone| zone.as_str().to_owned()),
        }
    }

    fn applied_to(self, task: Task) -> Task {
        Task {
            title: Title::stored(self.title),
            description: self.description.map(Description::stored),
            priority: Priority::stored(self.priority),
            tags: self.tags.into_iter().map(Tag::stored).collect(),
            time_zone: self.time_zone.map(TimeZone::stored),
            ..task
        }
    }
}

impl Task {
    /// The next occurrence of a task that is done or skipped, if it repeats and
    /// has none yet; from then on this one has.
    pub(super) fn hand_on(&mut self, now: DateTime<Utc>) -> Option<Self> {
        let recurrence = self.recurrence.as_mut().filter(|it| it.next.is_none())?;
        let step = recurrence.following()?;
        let id = Uuid::now_v7();
        let next = Recurrence {
            nominal: step.nominal,
            number: step.number,
            template: None,
            ..recurrence.clone()
        };
        let template = recurrence.template.clone();
        recurrence.next = Some(id);
        let repeat = |reminder: &Reminder| reminder.repeated(step.due_at, now);
        let task = Self {
            id,
            due_at: Some(step.due_at),
            reminders: self.reminders.iter().filter_map(repeat).collect(),
            recurrence: Some(next),
            completed_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
            ..self.clone()
        };
        Some(match template {
            Some(template) => template.applied_to(task),
            None => task,
        })
    }
}

#[cfg(test)]
mod tests;
