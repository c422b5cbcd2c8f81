use serde::{Deserialize, Serialize};
use service::{
    openapi::ProblemDocument,
    problem::{FieldError, Problem},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};
use uuid::Uuid;

use super::{
    super::{
        domain::{Invalid, Tag},
        fields::{Fields, not_null},
        version::IfMatch,
    },
    action::{Action, Kind, PlainAction, TagAction},
};
use crate::Error;

/// Most tasks in one request.
const MOST: usize = 100;
const LONGEST_IF_MATCH: usize = 100;

/// One change to many tasks, as it is sent: documented as [`BulkChange`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BulkBody {
    action: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    tag: Option<String>,
    tasks: Option<Vec<BulkTaskBody>>,
}

/// One change to many tasks.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum BulkChange {
    Plain(PlainBulkChange),
    Tag(TagBulkChange),
}

/// A change that needs no tag.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct PlainBulkChange {
    /// What is done to each.
    action: PlainAction,
    /// The tasks, one after the other.
    #[schema(min_items = 1, max_items = 100)]
    tasks: Vec<BulkTaskBody>,
}

/// A tag for many tasks, or for none of them.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct TagBulkChange {
    /// What is done to each.
    action: TagAction,
    tag: Tag,
    /// The tasks, one after the other.
    #[schema(min_items = 1, max_items = 100)]
    tasks: Vec<BulkTaskBody>,
}

impl PartialSchema for BulkBody {
    fn schema() -> RefOr<Schema> {
        BulkChange::schema()
    }
}

impl ToSchema for BulkBody {
    fn name() -> std::borrow::Cow<'static, str> {
        BulkChange::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        BulkChange::schemas(schemas);
    }
}

/// One of the tasks.
#[derive(Deserialize, ToSchema)]
#[schema(as = BulkTask)]
#[serde(deny_unknown_fields)]
pub(super) struct BulkTaskBody {
    #[schema(required = true, nullable = false, value_type = Uuid)]
    id: Option<String>,
    /// The ETag of the version to change.
    #[schema(max_length = 100, example = "\"3\"")]
    if_match: Option<String>,
}

/// One change to many tasks, checked.
pub(super) struct Bulk {
    pub(super) action: Action,
    pub(super) tasks: Vec<(Uuid, IfMatch)>,
}

impl BulkBody {
    pub(super) fn into_bulk(self) -> Result<Bulk, Error> {
        let mut fields = Fields::default();
        let kind = fields.required("action", self.action, |text| Kind::parse(&text));
        let tag = match kind {
            Some(kind) if kind.names_a_tag() => {
                fields.required("tag", self.tag, |text| Tag::parse(&text))
            }
            Some(_) => fields.optional("tag", self.tag, |_| {
                Err(Invalid {
                    code: "not_allowed",
                    message: "goes with add_tag and remove_tag only".to_owned(),
                })
            }),
            None => None,
        };
        let tasks = fields.required("tasks", self.tasks, |tasks| match tasks.len() {
            0 => Err(Invalid {
                code: "required",
                message: "must not be empty".to_owned(),
            }),
            1..=MOST => Ok(tasks),
            _ => Err(Invalid {
                code: "too_many",
                message: format!("must be at most {MOST}"),
            }),
        });
        let tasks = read_tasks(&mut fields, tasks.unwrap_or_default());
        fields.finish()?;
        let action = match (kind, tag) {
            (Some(Kind::Complete), _) => Action::Complete,
            (Some(Kind::Reopen), _) => Action::Reopen,
            (Some(Kind::Delete), _) => Action::Delete,
            (Some(Kind::AddTag), Some(tag)) => Action::AddTag(tag),
            (Some(Kind::RemoveTag), Some(tag)) => Action::RemoveTag(tag),
            // There was an error.
            (_, None) | (None, _) => return Err(Error::Invalid(Vec::new())),
        };
        Ok(Bulk { action, tasks })
    }
}

fn read_tasks(fields: &mut Fields, raw: Vec<BulkTaskBody>) -> Vec<(Uuid, IfMatch)> {
    let mut tasks = Vec::with_capacity(raw.len());
    for (index, task) in raw.into_iter().enumerate() {
        let id = fields.required(&format!("tasks[{index}].id"), task.id, |text| {
            Uuid::parse_str(&text).map_err(|_| Invalid {
                code: "malformed",
                message: "must be a UUID".to_owned(),
            })
        });
        if task
            .if_match
            .as_ref()
            .is_some_and(|tags| tags.chars().count() > LONGEST_IF_MATCH)
        {
            let message = format!("must have at most {LONGEST_IF_MATCH} characters");
            let field = format!("tasks[{index}].if_match");
            fields.add(FieldError::new(field, "too_long", message));
        }
        tasks.extend(id.map(|id| (id, IfMatch::of(task.if_match.as_deref()))));
    }
    tasks
}

/// What became of each task.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkAnswer)]
pub(super) struct BulkAnswer {
    succeeded: usize,
    failed: usize,
    /// One for each task, in the order of the request.
    results: Vec<BulkResult>,
}

/// What became of one task.
#[derive(Serialize, ToSchema)]
pub(super) struct BulkResult {
    id: Uuid,
    /// As the request for this task alone would have been answered.
    #[schema(minimum = 200, maximum = 599)]
    status: u16,
    /// Its version now, unless it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    version: Option<i64>,
    /// Why nothing was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<ProblemDocument>)]
    problem: Option<Problem>,
}

impl BulkResult {
    /// `version` is none if the task is gone.
    pub(super) fn new(id: Uuid, result: Result<Option<i64>, Error>) -> Self {
        let (status, version, problem) = match result {
            Ok(Some(version)) => (200, Some(version), None),
            Ok(None) => (204, None, None),
            Err(error) => {
                let problem = error.problem();
                (problem.status.as_u16(), None, Some(problem))
            }
        };
        Self {
            id,
            status,
            version,
            problem,
        }
    }
}

impl From<Vec<BulkResult>> for BulkAnswer {
    fn from(results: Vec<BulkResult>) -> Self {
        let failed = results.iter().filter(|result| result.problem.is_some());
        let failed = failed.count();
        Self {
            succeeded: results.len() - failed,
            failed,
            results,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn errors(body: Value) -> Vec<(String, &'static str)> {
        let body: BulkBody = serde_json::from_value(body).unwrap();
        match body.into_bulk() {
            Err(Error::Invalid(errors)) => errors
                .into_iter()
                .map(|error| (error.field, error.code))
                .collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let id = Uuid::now_v7();
        let expect = |body, expected: &[(&str, &str)]| {
            let errors = errors(body);
            let errors: Vec<_> = errors
                .iter()
                .map(|(field, code)| (field.as_str(), *code))
                .collect();
            assert_eq!(errors, expected);
        };
        expect(json!({"action": "complete", "tasks": [{"id": id}]}), &[]);
        expect(json!({}), &[("action", "required"), ("tasks", "required")]);
        expect(
            json!({"action": "delete", "tag": "home", "tasks": []}),
            &[("tag", "not_allowed"), ("tasks", "required")],
        );
        expect(
            json!({"action": "add_tag", "tasks": [{"id": "7"}, {"id": id, "if_match": "x".repeat(101)}, {}]}),
            &[
                ("tag", "required"),
                ("tasks[0].id", "malformed"),
                ("tasks[1].if_match", "too_long"),
                ("tasks[2].id", "required"),
            ],
        );
        let many: Vec<_> = (0..101).map(|_| json!({"id": Uuid::now_v7()})).collect();
        expect(
            json!({"action": "shout", "tasks": many}),
            &[("action", "unknown_value"), ("tasks", "too_many")],
        );
    }
}
