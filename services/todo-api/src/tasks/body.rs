//! What is sent and answered: the document's schemas, and their way into the
//! domain.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use service::problem::FieldError;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    domain::{Description, Invalid, Moment, Tag, TimeZone, Title, parse_moment},
    fields::Fields,
    recurrence::{self, NewRecurrenceBody, Recurrence, RecurrenceBody, Scope},
    reminders::{self, NewReminderBody, ReminderBody},
    task::{Draft, Patch, Priority, Status, Task},
    zone,
};
use crate::{Error, metrics::Feature};

/// A new task.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewTask)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTaskBody {
    /// What is to be done.
    #[schema(required = true, nullable = false, value_type = Title)]
    title: Option<String>,
    /// More about it.
    #[schema(value_type = Option<Description>)]
    description: Option<String>,
    /// How urgent it is; `normal` unless given.
    #[schema(value_type = Option<Priority>)]
    priority: Option<String>,
    /// Labels.
    #[schema(value_type = Option<Vec<Tag>>, max_items = 20)]
    tags: Option<Vec<String>>,
    /// When it should be done.
    #[schema(value_type = Option<Moment>)]
    due_at: Option<String>,
    /// When to be reminded.
    #[schema(max_items = 10)]
    reminders: Option<Vec<NewReminderBody>>,
    /// The time zone in which to show it.
    #[schema(value_type = Option<TimeZone>)]
    time_zone: Option<String>,
    recurrence: Option<NewRecurrenceBody>,
}

/// Other values for some fields of a task. What is absent stays; null clears.
#[derive(Deserialize, ToSchema)]
#[schema(as = TaskPatch)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskPatchBody {
    /// What is to be done.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Title>, nullable = false)]
    title: Option<Option<String>>,
    /// More about it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Description>)]
    description: Option<Option<String>>,
    /// How urgent it is.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Priority>, nullable = false)]
    priority: Option<Option<String>>,
    /// Labels, all of them.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<Tag>>, nullable = false, max_items = 20)]
    tags: Option<Option<Vec<String>>>,
    /// When it should be done. Reminders before that move with it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Moment>)]
    due_at: Option<Option<String>>,
    /// When to be reminded, all of it. A reminder that is there already stays what
    /// it is.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<NewReminderBody>>, nullable = false, max_items = 10)]
    reminders: Option<Option<Vec<NewReminderBody>>>,
    /// The time zone in which to show it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<TimeZone>)]
    time_zone: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<NewRecurrenceBody>)]
    recurrence: Option<Option<NewRecurrenceBody>>,
}

/// Tells null (`Some(None)`) from absent (`None`).
fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

impl NewTaskBody {
    pub(super) fn into_draft(self, now: DateTime<Utc>) -> Result<Draft, Error> {
        let mut fields = Fields::default();
        let title = fields.required("title", self.title, |text| Title::parse(&text));
        let description = fields.optional("description", self.description, |text| {
            Description::parse(&text)
        });
        let priority = fields.optional("priority", self.priority, |text| Priority::parse(&text));
        let tags = read_tags(&mut fields, self.tags.unwrap_or_default());
        let has_due_at = self.due_at.is_some();
        let due_at = fields.optional("due_at", self.due_at, |text| parse_moment(&text));
        let reminders = self.reminders.unwrap_or_default();
        let reminders = reminders::read_all(&mut fields, reminders);
        let reminders = reminders::set_all(&reminders, &[], due_at, now);
        let reminders =
            reminders.map_err(|errors| errors.into_iter().for_each(|error| fields.add(error)));
        let time_zone = fields.optional("time_zone", self.time_zone, |text| TimeZone::parse(&text));
        let repeats = self
            .recurrence
            .and_then(|body| recurrence::read(&mut fields, body));
        // A due date that could not be read has been told of.
        let begin = repeats.filter(|_| due_at.is_some() || !has_due_at);
        let begun = begin.map(|new| Recurrence::begin(new, due_at, time_zone.as_ref()));
        let recurrence = begun.transpose().map_err(|error| fields.add(error));
        fields.finish()?;
        // Without a title there was an error.
        let title = title.ok_or_else(|| Error::Invalid(Vec::new()))?;
        Ok(Draft {
            title,
            description,
            priority,
            tags,
            due_at,
            reminders: reminders.unwrap_or_default(),
            time_zone,
            recurrence: recurrence.unwrap_or_default(),
        })
    }
}

impl TaskPatchBody {
    pub(super) fn into_patch(self, scope: Scope) -> Result<Patch, Error> {
        let mut fields = Fields::default();
        let patch = Patch {
            title: fields.change("title", self.title, |text| Title::parse(&text)),
            description: fields.change_or_clear("description", self.description, |text| {
                Description::parse(&text)
            }),
            priority: fields.change("priority", self.priority, |text| Priority::parse(&text)),
            tags: fields
                .change("tags", self.tags, Ok)
                .map(|tags: Vec<String>| read_tags(&mut fields, tags)),
            due_at: fields.change_or_clear("due_at", self.due_at, |text| parse_moment(&text)),
            reminders: fields
                .change("reminders", self.reminders, Ok)
                .map(|reminders| reminders::read_all(&mut fields, reminders)),
            time_zone: fields
                .change_or_clear("time_zone", self.time_zone, |text| TimeZone::parse(&text)),
            recurrence: self
                .recurrence
                .map(|body| body.and_then(|body| recurrence::read(&mut fields, body))),
            scope,
        };
        fields.finish()?;
        Ok(patch)
    }
}

/// Reads every tag; the same tag twice is one tag.
fn read_tags(fields: &mut Fields, raw: Vec<String>) -> Vec<Tag> {
    if raw.len() > Tag::MOST {
        fields.add(FieldError::new("tags", "too_many", "must be at most 20"));
        return Vec::new();
    }
    let mut tags = Vec::with_capacity(raw.len());
    for (index, text) in raw.into_iter().enumerate() {
        let tag: Result<_, Invalid> = Tag::parse(&text);
        match fields.keep(format!("tags[{index}]"), tag) {
            Some(tag) if !tags.contains(&tag) => tags.push(tag),
            _ => {}
        }
    }
    tags
}

impl Draft {
    /// Counts the features this task uses.
    pub(super) fn count_features(&self) {
        let features = [
            (!self.reminders.is_empty(), Feature::Reminder),
            (!self.tags.is_empty(), Feature::Tag),
            (self.priority.is_some(), Feature::Priority),
            (self.due_at.is_some(), Feature::DueDate),
            (self.time_zone.is_some(), Feature::TimeZone),
            (self.recurrence.is_some(), Feature::Recurrence),
        ];
        count(features);
    }
}

impl Patch {
    /// Counts the features this change uses.
    pub(super) fn count_features(&self) {
        let features = [
            (
                self.tags.as_ref().is_some_and(|tags| !tags.is_empty()),
                Feature::Tag,
            ),
            (self.priority.is_some(), Feature::Priority),
            (matches!(self.due_at, Some(Some(_))), Feature::DueDate),
            (
                self.reminders.as_ref().is_some_and(|all| !all.is_empty()),
                Feature::Reminder,
            ),
            (matches!(self.time_zone, Some(Some(_))), Feature::TimeZone),
            (
                matches!(self.recurrence, Some(Some(_))),
                Feature::Recurrence,
            ),
        ];
        count(features);
    }
}

fn count<const N: usize>(features: [(bool, Feature); N]) {
    features
        .into_iter()
        .filter(|(used, _)| *used)
        .for_each(|(_, feature)| feature.used());
}

/// A task.
#[derive(Serialize, ToSchema)]
#[schema(as = Task)]
pub(super) struct TaskBody {
    id: Uuid,
    title: String,
    #[schema(required = true)]
    description: Option<String>,
    status: Status,
    priority: Priority,
    tags: Vec<String>,
    #[schema(required = true)]
    due_at: Option<DateTime<Utc>>,
    /// `due_at` in the task's time zone.
    #[schema(required = true, format = DateTime)]
    due_at_local: Option<String>,
    reminders: Vec<ReminderBody>,
    #[schema(required = true)]
    time_zone: Option<String>,
    #[schema(required = true)]
    recurrence: Option<RecurrenceBody>,
    /// Grows with every change; also the ETag.
    pub(super) version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    #[schema(required = true)]
    completed_at: Option<DateTime<Utc>>,
}

impl From<Task> for TaskBody {
    fn from(task: Task) -> Self {
        Self {
            id: task.id,
            status: task.status(),
            title: task.title.as_str().to_owned(),
            description: task.description.map(|text| text.as_str().to_owned()),
            priority: task.priority,
            tags: task
                .tags
                .iter()
                .map(|tag| tag.as_str().to_owned())
                .collect(),
            due_at: task.due_at,
            due_at_local: zone::shown(task.due_at, task.time_zone.as_ref()),
            reminders: task
                .reminders
                .iter()
                .map(|reminder| ReminderBody::new(reminder, task.time_zone.as_ref()))
                .collect(),
            time_zone: task.time_zone.map(|zone| zone.as_str().to_owned()),
            recurrence: task.recurrence.map(RecurrenceBody::from),
            version: task.version,
            created_at: task.created_at,
            updated_at: task.updated_at,
            completed_at: task.completed_at,
        }
    }
}

/// A page of tasks.
#[derive(Serialize, ToSchema)]
#[schema(as = TaskPage)]
pub(super) struct TaskPageBody {
    pub(super) items: Vec<TaskBody>,
    /// Where the next page starts; null on the last one.
    #[schema(required = true)]
    pub(super) next_cursor: Option<String>,
}
