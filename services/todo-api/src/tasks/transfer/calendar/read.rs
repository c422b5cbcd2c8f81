use chrono::{DateTime, NaiveDateTime, NaiveTime, SecondsFormat, Utc};
use icalendar::{CalendarDateTime, DatePerhapsTime, Property, ValueType};
use jiff::{SignedDuration, Span, SpanRelativeTo, civil};
use serde_json::{Map, Value, json};
use service::problem::FieldError;

use super::super::super::{domain::TimeZone, zone};

/// The zone in which to show a task. DUE is in UTC, as a zone of its own would
/// have to bring its rules along.
pub(super) const TIME_ZONE: &str = "X-GLASSHOUSE-TIME-ZONE";

/// A to-do, line by line.
#[derive(Debug, Default)]
pub(super) struct Todo {
    pub(super) properties: Vec<String>,
    pub(super) alarms: Vec<Vec<String>>,
}

/// The fields of the task that a to-do tells of, as an export in JSON has them.
pub(super) fn fields(todo: &Todo) -> Result<Map<String, Value>, Vec<FieldError>> {
    let mut reading = Reading::default();
    for line in &todo.properties {
        reading.property(line);
    }
    reading.resolve(&todo.alarms);
    if reading.errors.is_empty() {
        Ok(reading.fields)
    } else {
        Err(reading.errors)
    }
}

#[derive(Default)]
struct Reading {
    fields: Map<String, Value>,
    errors: Vec<FieldError>,
    tags: Vec<Value>,
    zone: Option<String>,
    due: Option<DatePerhapsTime>,
}

impl Reading {
    fn property(&mut self, line: &str) {
        let Some(property) = parse(line) else { return };
        let value = property.value();
        match property.key() {
            "UID" => self.set("id", value),
            // A title is one line.
            "SUMMARY" => self.set("title", value.replace(char::is_control, " ")),
            "DESCRIPTION" if value.is_empty() => {}
            "DESCRIPTION" => self.set("description", value),
            "PRIORITY" => match value.trim().parse() {
                Ok(number) => self.set_priority(number),
                Err(_) => self.wrong("PRIORITY", "must be a number from 0 to 9"),
            },
            "CATEGORIES" => self.tags.extend(value.split(',').filter_map(tag)),
            "STATUS" => match value {
                "COMPLETED" | "CANCELLED" => self.set("status", "completed"),
                "NEEDS-ACTION" | "IN-PROCESS" => self.set("status", "open"),
                _ => self.wrong("STATUS", "must be the status of a to-do"),
            },
            "COMPLETED" => self.set_moment("completed_at", &property),
            "CREATED" => self.set_moment("created_at", &property),
            "DUE" => match DatePerhapsTime::from_property(&property) {
                Some(due) => self.due = Some(due),
                None => self.wrong("DUE", "must be a date or a date and time"),
            },
            TIME_ZONE => self.zone = Some(value.to_owned()),
            "RRULE" => _ = self.recurrence("rule", value.into()),
            "EXDATE" => self.add_exceptions(value),
            "RDATE" | "RECURRENCE-ID" => {
                let message = "to-dos that repeat by more than a rule cannot be imported";
                self.errors
                    .push(FieldError::new(property.key(), "not_supported", message));
            }
            _ => {}
        }
    }

    /// What depends on several properties.
    fn resolve(&mut self, alarms: &[Vec<String>]) {
        if let Some(DatePerhapsTime::DateTime(CalendarDateTime::WithTimezone { tzid, .. })) =
            &self.due
        {
            self.zone.get_or_insert_with(|| tzid.clone());
        }
        let due = self
            .due
            .take()
            .map(|due| moment(&due, self.zone.as_deref()));
        let due = match due {
            Some(None) => {
                self.wrong("DUE", "must be in a known time zone");
                None
            }
            due => due.flatten(),
        };
        if let Some(due) = due {
            self.set("due_at", rfc_3339(due));
        }
        if let Some(zone) = self.zone.take() {
            self.set("time_zone", zone);
        }
        let tags = std::mem::take(&mut self.tags);
        self.fields.insert("tags".to_owned(), Value::Array(tags));
        let alarms = alarms.iter().flatten().filter_map(|line| parse(line));
        let mut reminders = Vec::new();
        for trigger in alarms.filter(|property| property.key() == "TRIGGER") {
            match reminder(&trigger, due) {
                Some(reminder) => reminders.push(reminder),
                None => self.wrong("TRIGGER", "must be a moment, or a duration if there is DUE"),
            }
        }
        if !reminders.is_empty() {
            self.fields.insert("reminders".to_owned(), reminders.into());
        }
    }

    /// Sets a field of the recurrence.
    fn recurrence(&mut self, field: &str, value: Value) -> Option<Value> {
        let recurrence = self.fields.entry("recurrence").or_insert_with(|| json!({}));
        recurrence.as_object_mut()?.insert(field.to_owned(), value)
    }

    fn add_exceptions(&mut self, list: &str) {
        for text in list.split(',') {
            match NaiveDateTime::parse_from_str(text.trim(), "%Y%m%dT%H%M%SZ") {
                Ok(time) => {
                    let exdates = self
                        .fields
                        .get("recurrence")
                        .and_then(|it| it.get("exdates"));
                    let mut exdates = exdates
                        .and_then(Value::as_array)
                        .cloned()
                        .unwrap_or_default();
                    exdates.push(rfc_3339(time.and_utc()).into());
                    self.recurrence("exdates", exdates.into());
                }
                Err(_) => self.wrong("EXDATE", "must be moments in UTC"),
            }
        }
    }

    fn set(&mut self, field: &str, value: impl Into<String>) {
        self.fields
            .insert(field.to_owned(), Value::String(value.into()));
    }

    fn set_priority(&mut self, number: u8) {
        match number {
            // Undefined.
            0 => {}
            1 => self.set("priority", "urgent"),
            2..=4 => self.set("priority", "high"),
            5 => self.set("priority", "normal"),
            6..=9 => self.set("priority", "low"),
            _ => self.wrong("PRIORITY", "must be a number from 0 to 9"),
        }
    }

    fn set_moment(&mut self, field: &str, property: &Property) {
        let read = DatePerhapsTime::from_property(property);
        match read.and_then(|read| moment(&read, None)) {
            Some(moment) => self.set(field, rfc_3339(moment)),
            None => self.wrong(property.key(), "must be a date and time"),
        }
    }

    fn wrong(&mut self, property: &str, message: &str) {
        self.errors
            .push(FieldError::new(property, "malformed", message));
    }
}

/// Reads a line. Names are in any case; the library knows the types of those in
/// capitals.
fn parse(line: &str) -> Option<Property> {
    let end = line.find([':', ';'])?;
    let line = format!("{}{}", line[..end].to_ascii_uppercase(), &line[end..]);
    line.parse().ok()
}

/// A category as a tag.
fn tag(category: &str) -> Option<Value> {
    let mut tag: String = category
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(32)
        .collect();
    tag.truncate(tag.trim_end_matches('-').len());
    let tag = tag.trim_start_matches('-');
    (!tag.is_empty()).then(|| Value::String(tag.to_owned()))
}

/// When that is. A date without a time is its midnight, a time without a zone is
/// in the task's, or UTC.
fn moment(read: &DatePerhapsTime, zone: Option<&str>) -> Option<DateTime<Utc>> {
    match read {
        DatePerhapsTime::Date(date) => local(date.and_time(NaiveTime::MIN), zone),
        DatePerhapsTime::DateTime(CalendarDateTime::Utc(moment)) => Some(*moment),
        DatePerhapsTime::DateTime(CalendarDateTime::Floating(time)) => local(*time, zone),
        DatePerhapsTime::DateTime(CalendarDateTime::WithTimezone { date_time, tzid }) => {
            local(*date_time, Some(tzid))
        }
    }
}

/// The moment at which clocks there show this.
fn local(time: NaiveDateTime, zone: Option<&str>) -> Option<DateTime<Utc>> {
    let zone = TimeZone::parse(zone.unwrap_or("UTC")).ok()?;
    let time: civil::DateTime = time.format("%Y-%m-%dT%H:%M:%S").to_string().parse().ok()?;
    zone::moment(time, &zone)
}

fn reminder(trigger: &Property, due: Option<DateTime<Utc>>) -> Option<Value> {
    if trigger.value_type() == Some(ValueType::DateTime) {
        let at = moment(&DatePerhapsTime::from_property(trigger)?, None)?;
        return Some(json!({ "at": rfc_3339(at) }));
    }
    let span: Span = trigger.value().trim().parse().ok()?;
    let relative = SpanRelativeTo::days_are_24_hours();
    let offset: SignedDuration = span.to_duration(relative).ok()?;
    let due = due?;
    // What is so long before it is due stays so.
    if offset <= SignedDuration::ZERO && offset.as_secs() % 60 == 0 {
        return Some(json!({ "minutes_before_due": -offset.as_mins() }));
    }
    let at = due.checked_add_signed(chrono::TimeDelta::try_seconds(offset.as_secs())?)?;
    Some(json!({ "at": rfc_3339(at) }))
}

fn rfc_3339(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
