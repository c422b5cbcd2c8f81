//! What is sent and answered about reminders.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use service::problem::FieldError;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};
use uuid::Uuid;

use super::{
    super::{
        domain::{Invalid, Moment, TimeZone, check_reminder, parse_moment},
        fields::{Fields, not_null},
        zone,
    },
    MOST, Reminder, When,
};
use crate::Error;

/// A year.
const MOST_MINUTES: u32 = 366 * 24 * 60;

/// When to be reminded, as it is sent: documented as [`NewReminder`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct NewReminderBody {
    #[serde(default, deserialize_with = "not_null")]
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    #[serde(skip_serializing_if = "Option::is_none")]
    minutes_before_due: Option<Number>,
}

/// When to be reminded: at a moment, or so long before the task is due.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum NewReminder {
    At(ReminderAt),
    BeforeDue(ReminderBeforeDue),
}

/// At a moment.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct ReminderAt {
    /// At this moment; 409 if that is over.
    at: Moment,
}

/// Before the task is due.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct ReminderBeforeDue {
    /// So many minutes before the task is due; moves when that does. 409 if the
    /// task is not due at any time, or that is over.
    #[schema(maximum = 527_040, example = 30)]
    minutes_before_due: u32,
}

impl PartialSchema for NewReminderBody {
    fn schema() -> RefOr<Schema> {
        NewReminder::schema()
    }
}

impl ToSchema for NewReminderBody {
    fn name() -> std::borrow::Cow<'static, str> {
        NewReminder::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        NewReminder::schemas(schemas);
    }
}

impl From<&Reminder> for NewReminderBody {
    fn from(reminder: &Reminder) -> Self {
        let (at, minutes_before_due) = match reminder.when {
            When::At(at) => (Some(at.to_rfc3339_opts(SecondsFormat::AutoSi, true)), None),
            When::MinutesBeforeDue(minutes) => (None, Some(minutes.into())),
        };
        Self {
            at,
            minutes_before_due,
        }
    }
}

/// A whole number, also if it is written `30.0`: in JSON Schema that is an integer.
fn parse_minutes(number: &Number) -> Result<u32, Invalid> {
    let minutes = number.as_f64().filter(|minutes| {
        minutes.fract() == 0.0 && (0.0..=f64::from(MOST_MINUTES)).contains(minutes)
    });
    // In range, so that nothing is lost.
    minutes
        .map(|minutes| minutes as u32)
        .ok_or_else(|| Invalid {
            code: "out_of_range",
            message: format!("must be a whole number from 0 to {MOST_MINUTES}"),
        })
}

impl NewReminderBody {
    /// Whether it could still fire, of a task that is due then. Of what cannot be
    /// read, nobody knows.
    pub(in super::super) fn is_to_come(
        &self,
        due_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> bool {
        let mut ignored = Fields::default();
        let when = Self {
            at: self.at.clone(),
            minutes_before_due: self.minutes_before_due.clone(),
        }
        .read("", &mut ignored);
        when.is_none_or(|when| Reminder::new(when, due_at, now).is_ok())
    }

    fn read(self, prefix: &str, fields: &mut Fields) -> Option<When> {
        let field = |name: &str| format!("{prefix}{name}");
        match (self.at, self.minutes_before_due) {
            (Some(at), None) => fields.keep(field("at"), parse_moment(&at)).map(When::At),
            (None, Some(minutes)) => {
                let minutes = parse_minutes(&minutes);
                let minutes = fields.keep(field("minutes_before_due"), minutes);
                minutes.map(When::MinutesBeforeDue)
            }
            _ => fields.keep(
                field("at"),
                Err(Invalid {
                    code: "one_of",
                    message: "give either at or minutes_before_due".to_owned(),
                }),
            ),
        }
    }

    /// The reminder for a task that is due at that time.
    pub(super) fn into_when(self) -> Result<When, Error> {
        let mut fields = Fields::default();
        let when = self.read("", &mut fields);
        fields.finish()?;
        // Without it there was an error.
        when.ok_or_else(|| Error::Invalid(Vec::new()))
    }
}

impl When {
    /// The field that it was given in.
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::At(_) => "at",
            Self::MinutesBeforeDue(_) => "minutes_before_due",
        }
    }
}

/// Reads a list of reminders: each with its place.
pub(in super::super) fn read_all(
    fields: &mut Fields,
    raw: Vec<NewReminderBody>,
) -> Vec<(usize, When)> {
    if raw.len() > MOST {
        fields.add(FieldError::new(
            "reminders",
            "too_many",
            "must be at most 10",
        ));
        return Vec::new();
    }
    let mut all = Vec::with_capacity(raw.len());
    for (index, body) in raw.into_iter().enumerate() {
        let when = body.read(&format!("reminders[{index}]."), fields);
        all.extend(when.map(|when| (index, when)));
    }
    all
}

/// Until when a reminder is put off.
#[derive(Deserialize, ToSchema)]
#[schema(as = Snooze)]
#[serde(deny_unknown_fields)]
pub(super) struct SnoozeBody {
    /// When it fires in place of its time; 409 if that is over.
    #[schema(value_type = Moment, required = true, nullable = false)]
    until: Option<String>,
}

impl SnoozeBody {
    pub(super) fn into_moment(self, now: DateTime<Utc>) -> Result<DateTime<Utc>, Error> {
        let mut fields = Fields::default();
        let until = fields.required("until", self.until, |text| {
            let moment = parse_moment(&text)?;
            check_reminder(moment, now).map(|()| moment)
        });
        fields.finish()?;
        until.ok_or_else(|| Error::Invalid(Vec::new()))
    }
}

/// A reminder of a task.
#[derive(Serialize, ToSchema)]
#[schema(as = Reminder)]
pub(in super::super) struct ReminderBody {
    id: Uuid,
    /// The moment it was set for, if it was set for one.
    #[schema(required = true)]
    at: Option<DateTime<Utc>>,
    /// How long before the task is due, if it was set so.
    #[schema(required = true)]
    minutes_before_due: Option<u32>,
    /// When it fires or has fired. Null if it does not: that was over when the
    /// task's due date last changed, or there is none.
    #[schema(required = true)]
    fires_at: Option<DateTime<Utc>>,
    /// `fires_at` in the task's time zone.
    #[schema(required = true, format = DateTime)]
    fires_at_local: Option<String>,
    /// Whether it was put off.
    snoozed: bool,
}

impl ReminderBody {
    pub(in super::super) fn new(reminder: &Reminder, time_zone: Option<&TimeZone>) -> Self {
        let (at, minutes_before_due) = match reminder.when {
            When::At(at) => (Some(at), None),
            When::MinutesBeforeDue(minutes) => (None, Some(minutes)),
        };
        Self {
            id: reminder.id,
            at,
            minutes_before_due,
            fires_at: reminder.fires_at,
            fires_at_local: zone::shown(reminder.fires_at, time_zone),
            snoozed: reminder.snoozed,
        }
    }
}
