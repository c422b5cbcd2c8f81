use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::{
    recurrence::NewRecurrenceBody,
    reminders::NewReminderBody,
    task::{Priority, Status, Task},
};

/// A task as a line of an export: what an import can make a task of again.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportedTask)]
pub(super) struct Line<'a> {
    id: Uuid,
    title: &'a str,
    #[schema(required = true)]
    description: Option<&'a str>,
    status: Status,
    priority: Priority,
    tags: Vec<&'a str>,
    #[schema(required = true)]
    due_at: Option<DateTime<Utc>>,
    reminders: Vec<NewReminderBody>,
    #[schema(required = true)]
    time_zone: Option<&'a str>,
    /// From this task on; on the last of a series only.
    #[schema(required = true)]
    recurrence: Option<NewRecurrenceBody>,
    created_at: DateTime<Utc>,
    #[schema(required = true)]
    completed_at: Option<DateTime<Utc>>,
}

/// Writes a task with its line's end.
pub(super) fn write(task: &Task, out: &mut Vec<u8>) {
    let line = Line {
        id: task.id,
        title: task.title.as_str(),
        description: task.description.as_ref().map(|text| text.as_str()),
        status: task.status(),
        priority: task.priority,
        tags: task.tags.iter().map(|tag| tag.as_str()).collect(),
        due_at: task.due_at,
        reminders: task.reminders.iter().map(NewReminderBody::from).collect(),
        time_zone: task.time_zone.as_ref().map(|zone| zone.as_str()),
        recurrence: task.recurrence.as_ref().and_then(NewRecurrenceBody::rest),
        created_at: task.created_at,
        completed_at: task.completed_at,
    };
    // Strings, times and ids always serialize, and memory takes them.
    _ = serde_json::to_writer(&mut *out, &line);
    out.push(b'\n');
}
