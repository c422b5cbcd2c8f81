//! What is sent and answered: the document's schemas, and their way into the
//! domain.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use service::problem::FieldError;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    domain::{Description, Invalid, Tag, TimeZone, Title, check_reminder, parse_moment},
    fields::Fields,
    task::{Draft, Patch, Priority, Status, Task},
};
use crate::{Error, metrics::Feature};

/// A new task.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewTask)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTaskBody {
    /// What is to be done.
    #[schema(
        required = true,
        nullable = false,
        min_length = 1,
        max_length = 200,
        example = "Buy milk"
    )]
    title: Option<String>,
    /// More about it.
    #[schema(max_length = 4000)]
    description: Option<String>,
    /// How urgent it is; `normal` unless given.
    #[schema(value_type = Option<Priority>)]
    priority: Option<String>,
    /// Labels, each 1 to 32 of a-z, 0-9 and -.
    #[schema(max_items = 20, example = json!(["home"]))]
    tags: Option<Vec<String>>,
    /// When it should be done.
    #[schema(value_type = Option<DateTime<Utc>>)]
    due_at: Option<String>,
    /// When to be reminded; not in the past.
    #[schema(value_type = Option<DateTime<Utc>>)]
    remind_at: Option<String>,
    /// The IANA time zone in which to show it.
    #[schema(example = "Europe/Berlin")]
    time_zone: Option<String>,
}

/// Other values for some fields of a task. What is absent stays; null clears.
#[derive(Deserialize, ToSchema)]
#[schema(as = TaskPatch)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskPatchBody {
    /// What is to be done.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, nullable = false, min_length = 1, max_length = 200)]
    title: Option<Option<String>>,
    /// More about it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 4000)]
    description: Option<Option<String>>,
    /// How urgent it is.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Priority>, nullable = false)]
    priority: Option<Option<String>>,
    /// Labels, all of them.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>, nullable = false, max_items = 20)]
    tags: Option<Option<Vec<String>>>,
    /// When it should be done.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    due_at: Option<Option<String>>,
    /// When to be reminded; a new value is not in the past.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    remind_at: Option<Option<String>>,
    /// The IANA time zone in which to show it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    time_zone: Option<Option<String>>,
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
        let due_at = fields.optional("due_at", self.due_at, |text| parse_moment(&text));
        let remind_at = fields.optional("remind_at", self.remind_at, |text| {
            let moment = parse_moment(&text)?;
            check_reminder(moment, now).map(|()| moment)
        });
        let time_zone = fields.optional("time_zone", self.time_zone, |text| TimeZone::parse(&text));
        fields.finish()?;
        // Without a title there was an error.
        let title = title.ok_or_else(|| Error::Invalid(Vec::new()))?;
        Ok(Draft {
            title,
            description,
            priority,
            tags,
            due_at,
            remind_at,
            time_zone,
        })
    }
}

impl TaskPatchBody {
    pub(super) fn into_patch(self) -> Result<Patch, Error> {
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
            remind_at: fields
                .change_or_clear("remind_at", self.remind_at, |text| parse_moment(&text)),
            time_zone: fields
                .change_or_clear("time_zone", self.time_zone, |text| TimeZone::parse(&text)),
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
            (self.remind_at.is_some(), Feature::Reminder),
            (!self.tags.is_empty(), Feature::Tag),
            (self.priority.is_some(), Feature::Priority),
            (self.due_at.is_some(), Feature::DueDate),
            (self.time_zone.is_some(), Feature::TimeZone),
        ];
        count(features);
    }
}

impl Patch {
    /// Counts the features this change uses.
    pub(super) fn count_features(&self) {
        let features = [
            (matches!(self.remind_at, Some(Some(_))), Feature::Reminder),
            (
                self.tags.as_ref().is_some_and(|tags| !tags.is_empty()),
                Feature::Tag,
            ),
            (self.priority.is_some(), Feature::Priority),
            (matches!(self.due_at, Some(Some(_))), Feature::DueDate),
            (matches!(self.time_zone, Some(Some(_))), Feature::TimeZone),
        ];
        count(features);
    }
}

fn count(features: [(bool, Feature); 5]) {
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
    #[schema(required = true)]
    remind_at: Option<DateTime<Utc>>,
    #[schema(required = true)]
    time_zone: Option<String>,
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
            remind_at: task.remind_at,
            time_zone: task.time_zone.map(|zone| zone.as_str().to_owned()),
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
