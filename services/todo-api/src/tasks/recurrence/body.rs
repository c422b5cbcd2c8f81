//! What is sent and answered about recurrence.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use service::problem::FieldError;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    super::{
        domain::{Moment, parse_moment},
        fields::Fields,
    },
    MOST_EXDATES, NewRecurrence, Recurrence, Rule,
};

/// How a task repeats. It needs `due_at`, which is the first occurrence; its
/// local time in the task's time zone (UTC without one) is that of all others.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = NewRecurrence)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct NewRecurrenceBody {
    /// A recurrence rule (RFC 5545) that repeats hourly at most.
    #[schema(
        required = true,
        nullable = false,
        format = "rrule",
        min_length = 1,
        max_length = 500,
        example = "FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20271231T230000Z"
    )]
    rule: Option<String>,
    /// Occurrences to leave out, by the moment they would be due.
    #[schema(max_items = 100, value_type = Option<Vec<Moment>>)]
    exdates: Option<Vec<String>>,
}

impl NewRecurrenceBody {
    /// How a series goes on from an occurrence, if that is its last one and
    /// another is to follow.
    pub(in super::super) fn rest(recurrence: &Recurrence) -> Option<Self> {
        recurrence
            .following()
            .filter(|_| recurrence.next.is_none())?;
        let exdates = recurrence.exdates.iter();
        Some(Self {
            rule: Some(recurrence.rule.remaining(recurrence.number)),
            exdates: Some(
                exdates
                    .map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
                    .collect(),
            ),
        })
    }

    /// The rule, as it stands in a calendar.
    pub(in super::super) fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }
}

/// Reads a rule and its exceptions.
pub(in super::super) fn read(
    fields: &mut Fields,
    body: NewRecurrenceBody,
) -> Option<NewRecurrence> {
    let rule = fields.required("recurrence.rule", body.rule, |text| Rule::parse(&text));
    let raw = body.exdates.unwrap_or_default();
    if raw.len() > MOST_EXDATES {
        let message = "must be at most 100";
        fields.add(FieldError::new("recurrence.exdates", "too_many", message));
        return None;
    }
    let mut exdates = Vec::with_capacity(raw.len());
    for (index, text) in raw.into_iter().enumerate() {
        let field = format!("recurrence.exdates[{index}]");
        exdates.extend(fields.keep(field, parse_moment(&text)));
    }
    exdates.sort_unstable();
    exdates.dedup();
    Some(NewRecurrence {
        rule: rule?,
        exdates,
    })
}

/// How a task repeats, and which occurrence it is.
#[derive(Serialize, ToSchema)]
#[schema(as = Recurrence)]
pub(in super::super) struct RecurrenceBody {
    /// The same for every occurrence.
    series_id: Uuid,
    rule: String,
    exdates: Vec<DateTime<Utc>>,
    /// Whose local time it is.
    time_zone: String,
    /// Which occurrence this is since the rule was set, from 1.
    #[schema(minimum = 1)]
    number: u32,
    /// The task of the next occurrence, once this one is done. Null on the last.
    #[schema(required = true)]
    next_task_id: Option<Uuid>,
}

impl From<Recurrence> for RecurrenceBody {
    fn from(recurrence: Recurrence) -> Self {
        Self {
            series_id: recurrence.series_id,
            rule: recurrence.rule.as_str().to_owned(),
            exdates: recurrence.exdates,
            time_zone: recurrence.zone,
            number: recurrence.number,
            next_task_id: recurrence.next,
        }
    }
}
