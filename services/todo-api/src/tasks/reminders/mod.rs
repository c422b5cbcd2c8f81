//! The reminders of a task: several, each at a moment or so long before the task
//! is due.
//!
//! Here it is decided when a reminder fires; event-worker, told by events, does it.

mod body;
mod routes;

pub(super) use body::{NewReminderBody, ReminderBody, read_all};
pub(super) use routes::router;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use service::problem::FieldError;
use uuid::Uuid;

use super::domain::{Invalid, check_reminder};
use crate::Error;

/// Most reminders of one task.
pub(super) const MOST: usize = 10;

/// One reminder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reminder {
    pub(super) id: Uuid,
    pub(super) when: When,
    /// None if that was over when it was last set, or cannot be known.
    pub(super) fires_at: Option<DateTime<Utc>>,
    /// Whether `fires_at` was put off.
    pub(super) snoozed: bool,
}

/// What a reminder was set for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum When {
    /// This moment.
    At(DateTime<Utc>),
    /// So many minutes before the task is due, whenever that is.
    MinutesBeforeDue(u32),
}

impl Reminder {
    /// A reminder that was just asked for.
    pub(super) fn new(
        when: When,
        due_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<Self, Invalid> {
        let fires_at = when.moment(due_at).ok_or_else(|| Invalid {
            code: "requires_due_at",
            message: "needs a task with due_at".to_owned(),
        })?;
        check_reminder(fires_at, now)?;
        Ok(Self {
            id: Uuid::now_v7(),
            when,
            fires_at: Some(fires_at),
            snoozed: false,
        })
    }

    /// The same reminder, of a task that is now due at another time. What is
    /// over by then does not fire.
    pub(super) fn moved(&self, due_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        match self.when {
            When::At(_) => self.clone(),
            When::MinutesBeforeDue(_) => Self {
                fires_at: self
                    .when
                    .moment(due_at)
                    .filter(|at| check_reminder(*at, now).is_ok()),
                snoozed: false,
                ..self.clone()
            },
        }
    }

    /// The same reminder at another moment.
    pub(super) fn snoozed(&self, until: DateTime<Utc>) -> Self {
        Self {
            fires_at: Some(until),
            snoozed: true,
            ..self.clone()
        }
    }

    /// The reminder for the next occurrence of the task: those at a moment were
    /// for this one only.
    pub(super) fn repeated(&self, due_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<Self> {
        match self.when {
            When::At(_) => None,
            When::MinutesBeforeDue(_) => Some(Self {
                id: Uuid::now_v7(),
                ..self.moved(Some(due_at), now)
            }),
        }
    }
}

impl When {
    /// When that is; None without a due date.
    fn moment(self, due_at: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        match self {
            Self::At(moment) => Some(moment),
            Self::MinutesBeforeDue(minutes) => {
                due_at?.checked_sub_signed(TimeDelta::minutes(minutes.into()))
            }
        }
    }
}

/// The reminders for these times, in place of others. One that was there already
/// stays what it is, fired or not.
pub(super) fn set_all(
    wanted: &[(usize, When)],
    before: &[Reminder],
    due_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Vec<Reminder>, Vec<FieldError>> {
    let mut before = before.to_vec();
    let (mut reminders, mut errors) = (Vec::new(), Vec::new());
    for (index, when) in wanted {
        if let Some(place) = before.iter().position(|reminder| reminder.when == *when) {
            reminders.push(before.remove(place));
            continue;
        }
        match Reminder::new(*when, due_at, now) {
            Ok(reminder) => reminders.push(reminder),
            Err(Invalid { code, message }) => {
                let field = format!("reminders[{index}].{}", when.field());
                errors.push(FieldError::new(field, code, message));
            }
        }
    }
    if errors.is_empty() {
        Ok(reminders)
    } else {
        Err(errors)
    }
}

/// The reminders with one more.
pub(super) fn added(reminders: &[Reminder], new: Reminder) -> Result<Vec<Reminder>, Error> {
    if reminders.len() == MOST {
        let message = "the task has 10 already";
        return Err(Error::Invalid(vec![FieldError::new(
            "reminders",
            "no_room",
            message,
        )]));
    }
    Ok([reminders, &[new]].concat())
}

/// The reminders with another one in place of the one with this id.
pub(super) fn replaced(
    reminders: &[Reminder],
    id: Uuid,
    by: impl FnOnce(&Reminder) -> Option<Reminder>,
) -> Result<Vec<Reminder>, Error> {
    let mut reminders = reminders.to_vec();
    let place = reminders.iter().position(|reminder| reminder.id == id);
    let place = place.ok_or(Error::NoSuchReminder)?;
    match by(&reminders[place]) {
        Some(reminder) => reminders[place] = reminder,
        None => drop(reminders.remove(place)),
    }
    Ok(reminders)
}

#[cfg(test)]
mod tests {
    use super::super::domain::now;
    use super::*;

    fn before(minutes: u32, due_at: Option<DateTime<Utc>>) -> Result<Reminder, Invalid> {
        Reminder::new(When::MinutesBeforeDue(minutes), due_at, now())
    }

    #[test]
    fn one_before_due_moves_with_due_and_fires_no_more_once_that_is_over() {
        let due = now() + TimeDelta::hours(3);
        let reminder = before(60, Some(due)).unwrap();
        assert_eq!(reminder.fires_at, Some(due - TimeDelta::hours(1)));
        let later = reminder.moved(Some(due + TimeDelta::hours(1)), now());
        assert_eq!((later.id, later.fires_at), (reminder.id, Some(due)));
        assert_eq!(reminder.moved(None, now()).fires_at, None);
        assert_eq!(reminder.moved(Some(now()), now()).fires_at, None);
        assert_eq!(before(60, None).unwrap_err().code, "requires_due_at");
        assert_eq!(before(300, Some(due)).unwrap_err().code, "in_the_past");
    }

    #[test]
    fn one_at_a_moment_stays_there_and_is_for_one_occurrence() {
        let at = now() + TimeDelta::hours(1);
        let reminder = Reminder::new(When::At(at), None, now()).unwrap();
        assert_eq!(reminder.moved(None, now()), reminder);
        assert_eq!(reminder.repeated(at, now()), None);
        let relative = before(5, Some(at)).unwrap();
        let next = relative.repeated(at + TimeDelta::days(1), now()).unwrap();
        assert_ne!(next.id, relative.id);
        assert_eq!(
            next.fires_at,
            Some(at + TimeDelta::days(1) - TimeDelta::minutes(5))
        );
    }

    #[test]
    fn snoozed_until_due_moves() {
        let due = now() + TimeDelta::hours(3);
        let snoozed = before(60, Some(due)).unwrap().snoozed(due);
        assert_eq!((snoozed.fires_at, snoozed.snoozed), (Some(due), true));
        let moved = snoozed.moved(Some(due + TimeDelta::hours(1)), now());
        assert_eq!((moved.fires_at, moved.snoozed), (Some(due), false));
    }

    #[test]
    fn of_a_list_that_replaces_another_what_was_there_stays() {
        let due = Some(now() + TimeDelta::hours(3));
        let past = Reminder {
            fires_at: Some(now() - TimeDelta::hours(1)),
            ..Reminder::new(When::At(now() - TimeDelta::seconds(1)), None, now()).unwrap()
        };
        let other = before(60, due).unwrap();
        let wanted = [(0, When::MinutesBeforeDue(30)), (1, past.when)];
        let all = set_all(&wanted, &[past.clone(), other.clone()], due, now()).unwrap();
        assert_eq!((all.len(), &all[1]), (2, &past));
        assert!(all[0].id != other.id);
        let errors = set_all(&[(3, When::MinutesBeforeDue(5))], &all, None, now()).unwrap_err();
        assert_eq!(errors[0].field, "reminders[3].minutes_before_due");
    }

    #[test]
    fn at_most_ten() {
        let reminder = Reminder::new(When::At(now()), None, now()).unwrap();
        let nine = vec![reminder.clone(); MOST - 1];
        let ten = added(&nine, reminder.clone()).unwrap();
        assert!(added(&ten, reminder.clone()).is_err());
        assert_eq!(replaced(&ten, reminder.id, |_| None).unwrap().len(), 9);
        assert!(matches!(
            replaced(&ten, Uuid::nil(), |_| None),
            Err(Error::NoSuchReminder)
        ));
    }
}
