use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use service::problem::FieldError;
use uuid::Uuid;

use super::{
    calendar::Calendar,
    format::Format,
    item::{self, Item},
    lines::{Line, Lines},
};
use crate::Error;

/// The fields of a task as they stand in a file, and the line where it begins.
pub(super) struct Found {
    pub(super) line: usize,
    pub(super) fields: Result<Map<String, Value>, Vec<FieldError>>,
}

/// A file of tasks.
pub(super) enum Source {
    JsonLines(Lines),
    Calendar(Calendar),
}

impl Source {
    pub(super) fn new(format: Format, lines: Lines) -> Self {
        match format {
            Format::JsonLines => Self::JsonLines(lines),
            Format::Calendar => Self::Calendar(Calendar::new(lines)),
        }
    }

    /// The line that was read last.
    pub(super) fn line(&self) -> usize {
        match self {
            Self::JsonLines(lines) => lines.number(),
            Self::Calendar(calendar) => calendar.line(),
        }
    }

    /// The next task, or why there is none in its place; none after the last.
    pub(super) async fn next(
        &mut self,
        owner: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Option<(usize, Result<Item, Error>)>, Error> {
        let found = match self {
            Self::JsonLines(lines) => next_object(lines).await?,
            Self::Calendar(calendar) => calendar.next().await?,
        };
        Ok(found.map(|Found { line, fields }| {
            let item = match fields {
                Ok(fields) => item::read(fields, line, owner, now),
                Err(errors) => Err(Error::Invalid(errors)),
            };
            (line, item)
        }))
    }
}

async fn next_object(lines: &mut Lines) -> Result<Option<Found>, Error> {
    while let Some(line) = lines.next().await? {
        let fields = match line {
            Line::Text(text) if text.trim().is_empty() => continue,
            Line::Text(text) => parse(&text),
            other => Err(vec![unreadable(&other)]),
        };
        let line = lines.number();
        return Ok(Some(Found { line, fields }));
    }
    Ok(None)
}

/// What is wrong with a line that cannot be read.
pub(super) fn unreadable(line: &Line) -> FieldError {
    match line {
        Line::TooLong => FieldError::new("", "too_long", "a line must have at most 64 KiB"),
        _ => FieldError::new("", "not_utf8", "must be UTF-8"),
    }
}

fn parse(text: &str) -> Result<Map<String, Value>, Vec<FieldError>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(vec![FieldError::new(
            "",
            "wrong_type",
            "must be a JSON object",
        )]),
        Err(error) => {
            let message = format!("is not JSON at column {}", error.column());
            Err(vec![FieldError::new("", "malformed", message)])
        }
    }
}
