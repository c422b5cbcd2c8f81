use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service::problem::FieldError;
use utoipa::IntoParams;

use super::{
    super::{
        domain::{Invalid, Moment, Tag, now, parse_moment},
        fields::Fields,
        task::{Priority, Status},
    },
    words::Words,
};
use crate::metrics::Feature;

/// Which tasks are meant. Filters combine: a task must pass them all.
#[derive(Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct FilterQuery {
    /// Words in title, tags and description; each may be the beginning of one.
    #[param(max_length = 200, example = "mil")]
    q: Option<String>,
    /// Open or completed tasks only.
    #[param(value_type = Option<Status>, inline)]
    status: Option<String>,
    /// Tasks of one of these priorities only.
    #[param(value_type = Option<Vec<Priority>>, style = Form, explode = false, min_items = 1, max_items = 4)]
    priority: Option<String>,
    /// Tasks with all of these tags only.
    #[param(value_type = Option<Vec<Tag>>, style = Form, explode = false, min_items = 1, max_items = 20)]
    tags_all: Option<String>,
    /// Tasks with one of these tags only.
    #[param(value_type = Option<Vec<Tag>>, style = Form, explode = false, min_items = 1, max_items = 20)]
    tags_any: Option<String>,
    /// Tasks due at or after this moment only.
    #[param(value_type = Option<Moment>)]
    due_after: Option<String>,
    /// Tasks due before this moment only.
    #[param(value_type = Option<Moment>)]
    due_before: Option<String>,
    /// Open tasks that should be done already, or all others.
    #[param(value_type = Option<bool>)]
    overdue: Option<String>,
    /// Tasks with a reminder, or without.
    #[param(value_type = Option<bool>)]
    has_reminder: Option<String>,
    /// Tasks of a series, or all others.
    #[param(value_type = Option<bool>)]
    recurring: Option<String>,
    /// Tasks made at or after this moment only.
    #[param(value_type = Option<Moment>)]
    created_after: Option<String>,
    /// Tasks made before this moment only.
    #[param(value_type = Option<Moment>)]
    created_before: Option<String>,
    /// Tasks changed at or after this moment only.
    #[param(value_type = Option<Moment>)]
    updated_after: Option<String>,
    /// Tasks changed before this moment only.
    #[param(value_type = Option<Moment>)]
    updated_before: Option<String>,
}

/// A query string of filters and what else the route knows.
#[derive(Deserialize)]
pub(in super::super) struct Filtered<T> {
    #[serde(flatten)]
    filter: FilterQuery,
    #[serde(flatten)]
    rest: T,
    #[serde(flatten)]
    unknown: BTreeMap<String, String>,
}

impl<T> Filtered<T> {
    /// Both parts, and what is wrong so far.
    pub(in super::super) fn into_parts(self) -> (FilterQuery, T, Fields) {
        let mut fields = Fields::default();
        for name in self.unknown.into_keys() {
            fields.add(FieldError::new(name, "unknown_field", "is not known here"));
        }
        (self.filter, self.rest, fields)
    }
}

/// From a moment on, and before another.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Range {
    pub(super) after: Option<DateTime<Utc>>,
    pub(super) before: Option<DateTime<Utc>>,
}

/// Which tasks are meant, checked.
#[derive(Clone, Debug)]
pub(in super::super) struct Filter {
    pub(super) words: Option<Words>,
    pub(super) status: Option<Status>,
    pub(super) priorities: Vec<Priority>,
    pub(super) tags_all: Vec<Tag>,
    pub(super) tags_any: Vec<Tag>,
    pub(super) due: Range,
    pub(super) created: Range,
    pub(super) updated: Range,
    pub(super) overdue: Option<bool>,
    pub(super) has_reminder: Option<bool>,
    pub(super) recurring: Option<bool>,
    /// What is overdue is overdue now.
    pub(super) now: DateTime<Utc>,
}

impl FilterQuery {
    pub(in super::super) fn read(&self, fields: &mut Fields) -> Filter {
        Filter {
            words: fields.optional("q", self.q.as_deref(), Words::parse),
            status: fields.optional("status", self.status.as_deref(), Status::parse),
            priorities: list(fields, "priority", &self.priority, 4, Priority::parse),
            tags_all: list(fields, "tags_all", &self.tags_all, Tag::MOST, Tag::parse),
            tags_any: list(fields, "tags_any", &self.tags_any, Tag::MOST, Tag::parse),
            due: Range {
                after: moment(fields, "due_after", &self.due_after),
                before: moment(fields, "due_before", &self.due_before),
            },
            created: Range {
                after: moment(fields, "created_after", &self.created_after),
                before: moment(fields, "created_before", &self.created_before),
            },
            updated: Range {
                after: moment(fields, "updated_after", &self.updated_after),
                before: moment(fields, "updated_before", &self.updated_before),
            },
            overdue: fields.optional("overdue", self.overdue.as_deref(), parse_flag),
            has_reminder: fields.optional("has_reminder", self.has_reminder.as_deref(), parse_flag),
            recurring: fields.optional("recurring", self.recurring.as_deref(), parse_flag),
            now: now(),
        }
    }

    /// What was given, by name, in one spelling.
    pub(super) fn given(&self) -> String {
        // Strings always serialize.
        let mut given = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = given.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        given.to_string()
    }

    /// Counts the features that are used.
    pub(in super::super) fn count_features(&self) {
        let filters = [
            &self.status,
            &self.priority,
            &self.tags_all,
            &self.tags_any,
            &self.due_after,
            &self.due_before,
            &self.overdue,
            &self.has_reminder,
            &self.recurring,
            &self.created_after,
            &self.created_before,
            &self.updated_after,
            &self.updated_before,
        ];
        if filters.into_iter().any(Option::is_some) {
            Feature::Filter.used();
        }
        if self.q.is_some() {
            Feature::Search.used();
        }
    }
}

/// Reads values between commas.
fn list<T>(
    fields: &mut Fields,
    name: &str,
    raw: &Option<String>,
    most: usize,
    parse: impl Fn(&str) -> Result<T, Invalid>,
) -> Vec<T> {
    let Some(raw) = raw else { return Vec::new() };
    if raw.split(',').nth(most).is_some() {
        fields.add(FieldError::new(
            name,
            "too_many",
            format!("must be at most {most}"),
        ));
        return Vec::new();
    }
    let values = raw.split(',').enumerate();
    values
        .filter_map(|(index, text)| fields.keep(format!("{name}[{index}]"), parse(text)))
        .collect()
}

/// In a query string, `+01:00` arrives as ` 01:00` from those who did not escape
/// the plus. No moment has a space in it otherwise.
fn moment(fields: &mut Fields, name: &str, raw: &Option<String>) -> Option<DateTime<Utc>> {
    fields.optional(name, raw.as_deref(), |text| {
        parse_moment(&text.replace(' ', "+"))
    })
}

fn parse_flag(text: &str) -> Result<bool, Invalid> {
    text.parse().map_err(|_| Invalid {
        code: "unknown_value",
        message: "must be true or false".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    fn read(query: FilterQuery) -> (Filter, Result<(), Error>) {
        let mut fields = Fields::default();
        let filter = query.read(&mut fields);
        (filter, fields.finish())
    }

    fn given(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn an_unescaped_plus_is_understood() {
        let (filter, result) = read(FilterQuery {
            due_before: given("2026-11-21T10:00:00 01:00"),
            ..FilterQuery::default()
        });
        result.unwrap();
        let before = filter.due.before.unwrap().to_rfc3339();
        assert_eq!(before, "2026-11-21T09:00:00+00:00");
    }

    #[test]
    fn lists_are_read_value_by_value() {
        let (filter, result) = read(FilterQuery {
            priority: given("low,high"),
            tags_any: given("home,Ü,"),
            tags_all: given(&["x"; 21].join(",")),
            ..FilterQuery::default()
        });
        assert_eq!(filter.priorities, [Priority::Low, Priority::High]);
        let Err(Error::Invalid(errors)) = result else {
            panic!("was accepted")
        };
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["tags_all", "tags_any[1]", "tags_any[2]"]);
    }
}
