//! What is read from a file, on its way to be a task.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};
use service::problem::FieldError;
use uuid::Uuid;

use super::super::{
    body::NewTaskBody,
    domain::{Invalid, parse_moment},
    fields::Fields,
    reminders::NewReminderBody,
    task::{Status, Task},
};
use crate::Error;

/// A task that was read, not kept yet.
#[derive(Debug)]
pub(super) struct Item {
    /// Where it stands in the file, from 1.
    pub(super) line: usize,
    /// Who it is in the file: it is imported once.
    pub(super) uid: Option<String>,
    pub(super) task: Task,
}

/// Longest id of a task elsewhere.
const MAX_UID: usize = 255;

/// Makes a task of the fields of a line. What an export says beyond a new task
/// (its id, status and times) is kept, except for its version: it begins anew.
pub(super) fn read(
    mut given: Map<String, Value>,
    line: usize,
    owner: Uuid,
    now: DateTime<Utc>,
) -> Result<Item, Error> {
    let mut fields = Fields::default();
    let uid = fields.optional("id", text(&mut given, "id"), parse_uid);
    let status = fields.optional("status", text(&mut given, "status"), |text| {
        Status::parse(&text)
    });
    let moment = |text: String| Ok(parse_moment(&text)?.min(now));
    let created_at = fields.optional("created_at", text(&mut given, "created_at"), moment);
    let completed_at = fields.optional("completed_at", text(&mut given, "completed_at"), moment);
    if status == Some(Status::Open) && completed_at.is_some() {
        let message = "must be null for an open task";
        fields.add(FieldError::new("completed_at", "contradiction", message));
    }
    forget_past_reminders(&mut given, now);
    let body = serde_json::to_vec(&given).unwrap_or_default();
    let draft = service::http::read_json::<NewTaskBody>(&body)
        .map_err(|problem| problem.errors)
        .and_then(|body| match body.into_draft(now) {
            Ok(draft) => Ok(draft),
            Err(Error::Invalid(errors)) => Err(errors),
            Err(_) => Err(Vec::new()),
        });
    let draft = match draft {
        Ok(draft) => Some(draft),
        Err(errors) => {
            errors.into_iter().for_each(|error| fields.add(error));
            None
        }
    };
    fields.finish()?;
    // Without a draft there was an error.
    let draft = draft.ok_or_else(|| Error::Invalid(Vec::new()))?;
    let mut task = Task::new(owner, draft, now);
    task.created_at = created_at.unwrap_or(now);
    task.completed_at = match status {
        Some(Status::Completed) => completed_at.or(Some(now)),
        _ => completed_at,
    };
    Ok(Item { line, uid, task })
}

/// Takes a field that a new task has not. What is no text is told of as such.
fn text(given: &mut Map<String, Value>, name: &str) -> Option<String> {
    match given.remove(name)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        // No name, state or moment looks like this.
        other => Some(other.to_string()),
    }
}

fn parse_uid(text: String) -> Result<String, Invalid> {
    let invalid = |code, message: &str| {
        Err(Invalid {
            code,
            message: message.to_owned(),
        })
    };
    match text.len() {
        0 => invalid("required", "must not be empty"),
        length if length > MAX_UID => invalid("too_long", "must have at most 255 bytes"),
        _ if text.contains('\0') => invalid("invalid_character", "must not contain U+0000"),
        _ => Ok(text),
    }
}

/// A reminder that is over would fire as soon as it is there again.
fn forget_past_reminders(given: &mut Map<String, Value>, now: DateTime<Utc>) {
    let due_at = given.get("due_at").and_then(Value::as_str);
    let due_at = due_at.and_then(|text| parse_moment(text).ok());
    if let Some(Value::Array(reminders)) = given.get_mut("reminders") {
        reminders.retain(|reminder| {
            NewReminderBody::deserialize(reminder)
                .map_or(true, |reminder| reminder.is_to_come(due_at, now))
        });
    }
}
