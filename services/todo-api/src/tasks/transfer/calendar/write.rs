use chrono::{DateTime, Utc};

use super::super::super::{
    recurrence::{NewRecurrenceBody, Recurrence},
    reminders::When,
    task::{Priority, Status, Task},
};

/// What stands before the first to-do.
pub(in super::super) const BEGIN: &[u8] =
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Glasshouse//todo-api//EN\r\n";
/// What stands behind the last.
pub(in super::super) const END: &[u8] = b"END:VCALENDAR\r\n";

/// Writes a task as a to-do. Times are kept to the second, and of the control
/// characters in a description only line ends and tabs.
pub(in super::super) fn write(task: &Task, out: &mut Vec<u8>) {
    out.extend_from_slice(b"BEGIN:VTODO\r\n");
    push(out, "UID", task.id.to_string());
    push(out, "DTSTAMP", time(task.updated_at));
    push(out, "CREATED", time(task.created_at));
    push(out, "LAST-MODIFIED", time(task.updated_at));
    push(out, "SEQUENCE", (task.version - 1).to_string());
    push(out, "SUMMARY", task.title.as_str());
    let description = task.description.as_ref().map(|text| plain(text.as_str()));
    if let Some(description) = description.filter(|text| !text.is_empty()) {
        push(out, "DESCRIPTION", description);
    }
    push(out, "PRIORITY", priority(task.priority));
    if !task.tags.is_empty() {
        let tags: Vec<_> = task.tags.iter().map(|tag| tag.as_str()).collect();
        push(out, "CATEGORIES", tags.join(","));
    }
    if let Some(due_at) = task.due_at {
        push(out, "DUE", time(due_at));
    }
    if let Some(zone) = &task.time_zone {
        push(out, super::read::TIME_ZONE, zone.as_str());
    }
    push(
        out,
        "STATUS",
        match task.status() {
            Status::Open => "NEEDS-ACTION",
            Status::Completed => "COMPLETED",
        },
    );
    if let Some(completed_at) = task.completed_at {
        push(out, "COMPLETED", time(completed_at));
    }
    if let Some(series) = task.recurrence.as_ref().and_then(NewRecurrenceBody::rest) {
        fold(out, &format!("RRULE:{}", series.rule().unwrap_or_default()));
        for moment in task.recurrence.iter().flat_map(Recurrence::exdates) {
            push(out, "EXDATE", time(*moment));
        }
    }
    for reminder in &task.reminders {
        out.extend_from_slice(b"BEGIN:VALARM\r\n");
        push(out, "ACTION", "DISPLAY");
        push(out, "DESCRIPTION", task.title.as_str());
        match reminder.when {
            When::At(at) => push(out, "TRIGGER;VALUE=DATE-TIME", time(at)),
            When::MinutesBeforeDue(minutes) => {
                push(out, "TRIGGER;RELATED=END", format!("-PT{minutes}M"));
            }
        }
        out.extend_from_slice(b"END:VALARM\r\n");
    }
    out.extend_from_slice(b"END:VTODO\r\n");
}

/// Writes a property whose value is a text, or needs no escape.
fn push(out: &mut Vec<u8>, name: &str, value: impl AsRef<str>) {
    let mut line = format!("{name}:");
    for c in value.as_ref().chars() {
        match c {
            '\\' | ';' | ',' if name != "CATEGORIES" => line.extend(['\\', c]),
            '\n' => line.push_str("\\n"),
            c => line.push(c),
        }
    }
    fold(out, &line);
}

/// Writes a line in parts of at most 75 octets. The library's own folding takes
/// time with the square of the length, which is up to its users here.
fn fold(out: &mut Vec<u8>, line: &str) {
    let mut width = 0;
    for c in line.chars() {
        if width + c.len_utf8() > 75 {
            out.extend_from_slice(b"\r\n ");
            width = 1;
        }
        width += c.len_utf8();
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

fn time(moment: DateTime<Utc>) -> String {
    moment.format("%Y%m%dT%H%M%SZ").to_string()
}

fn plain(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.replace(|c: char| c.is_control() && c != '\n' && c != '\t', "")
}

/// As RFC 5545 has it: 1 is the highest, 9 the lowest.
fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::Urgent => "1",
        Priority::High => "3",
        Priority::Normal => "5",
        Priority::Low => "9",
    }
}
