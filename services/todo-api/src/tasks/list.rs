use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    cursor::Cursor,
    domain::{Invalid, Tag, parse_moment},
    fields::Fields,
    task::{Priority, Status},
};
use crate::Error;

/// Which tasks to list. Filters combine: a task must pass them all.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// Open or completed tasks only.
    #[param(value_type = Option<Status>, inline)]
    status: Option<String>,
    /// Tasks of this priority only.
    #[param(value_type = Option<Priority>, inline)]
    priority: Option<String>,
    /// Tasks with this tag only.
    #[param(max_length = 32, pattern = "^[a-z0-9-]+$")]
    tag: Option<String>,
    /// Tasks due before this moment only.
    #[param(value_type = Option<DateTime<Utc>>)]
    due_before: Option<String>,
    /// Tasks due at or after this moment only.
    #[param(value_type = Option<DateTime<Utc>>)]
    due_after: Option<String>,
    /// Most tasks on the page; 50 unless given.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which tasks to list, checked.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) status: Option<Status>,
    pub(super) priority: Option<Priority>,
    pub(super) tag: Option<Tag>,
    pub(super) due_before: Option<DateTime<Utc>>,
    pub(super) due_after: Option<DateTime<Utc>>,
    pub(super) limit: u32,
    pub(super) after: Cursor,
}

impl ListQuery {
    pub(super) fn into_filter(self) -> Result<Filter, Error> {
        let mut fields = Fields::default();
        let filter = Filter {
            status: fields.optional("status", self.status, |text| parse_status(&text)),
            priority: fields.optional("priority", self.priority, |text| Priority::parse(&text)),
            tag: fields.optional("tag", self.tag, |text| Tag::parse(&text)),
            due_before: fields.optional("due_before", self.due_before, parse_query_moment),
            due_after: fields.optional("due_after", self.due_after, parse_query_moment),
            limit: fields
                .optional("limit", self.limit, |text| parse_limit(&text))
                .unwrap_or(50),
            after: fields
                .optional("cursor", self.cursor, |text| Cursor::parse(&text))
                .unwrap_or_else(Cursor::start),
        };
        fields.finish()?;
        Ok(filter)
    }
}

impl Filter {
    /// Whether anything is left out.
    pub(super) fn narrows(&self) -> bool {
        self.status.is_some()
            || self.priority.is_some()
            || self.tag.is_some()
            || self.due_before.is_some()
            || self.due_after.is_some()
    }
}

/// In a query string, `+01:00` arrives as ` 01:00` from those who did not escape
/// the plus. No moment has a space in it otherwise.
fn parse_query_moment(text: String) -> Result<DateTime<Utc>, Invalid> {
    parse_moment(&text.replace(' ', "+"))
}

fn parse_status(text: &str) -> Result<Status, Invalid> {
    match text {
        "open" => Ok(Status::Open),
        "completed" => Ok(Status::Completed),
        _ => Err(Invalid {
            code: "unknown_value",
            message: "must be open or completed".to_owned(),
        }),
    }
}

fn parse_limit(text: &str) -> Result<u32, Invalid> {
    text.parse()
        .ok()
        .filter(|limit| (1..=100).contains(limit))
        .ok_or_else(|| Invalid {
            code: "out_of_range",
            message: "must be a number from 1 to 100".to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pairs: &[(&str, &str)]) -> ListQuery {
        let object = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).into()));
        serde_json::from_value(serde_json::Value::Object(object.collect())).unwrap()
    }

    #[test]
    fn everything_is_optional() {
        let filter = query(&[]).into_filter().unwrap();
        assert!(!filter.narrows());
        assert_eq!((filter.limit, filter.after), (50, Cursor::start()));
    }

    #[test]
    fn an_unescaped_plus_is_understood() {
        let filter = query(&[("due_before", "2026-11-21T10:00:00 01:00")])
            .into_filter()
            .unwrap();
        assert_eq!(
            filter.due_before.unwrap().to_rfc3339(),
            "2026-11-21T09:00:00+00:00"
        );
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let wrong = query(&[
            ("status", "done"),
            ("priority", "1"),
            ("tag", "Ü"),
            ("due_after", "now"),
            ("limit", "101"),
            ("cursor", "x"),
        ]);
        let Err(Error::Invalid(errors)) = wrong.into_filter() else {
            panic!("was accepted")
        };
        assert_eq!(errors.len(), 6);
    }
}
