use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use service::problem::{FieldError, Problem};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    super::{
        domain::{Invalid, Tag},
        fields::Fields,
        version::IfMatch,
    },
    action::{Action, Kind},
};
use crate::{Error, openapi::ProblemDocument};

/// Most tasks in one request.
const MOST: usize = 100;

/// One change to many tasks.
#[derive(Deserialize, ToSchema)]
#[schema(as = BulkChange)]
#[serde(deny_unknown_fields)]
pub(super) struct BulkBody {
    /// What is done to each.
    #[schema(required = true, nullable = false, value_type = Kind)]
    action: Option<String>,
    /// The tag to add or to remove; only with these actions.
    #[schema(min_length = 1, max_length = 32, pattern = "^[a-z0-9-]+$")]
    tag: Option<String>,
    /// The tasks, each once.
    #[schema(required = true, nullable = false, min_items = 1, max_items = 100)]
    tasks: Option<Vec<BulkTaskBody>>,
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
    let mut seen = HashSet::new();
    let mut tasks = Vec::with_capacity(raw.len());
    for (index, task) in raw.into_iter().enumerate() {
        let field = format!("tasks[{index}].id");
        let id = fields.required(&field, task.id, |text| {
            Uuid::parse_str(&text).map_err(|_| Invalid {
                code: "malformed",
                message: "must be a UUID".to_owned(),
            })
        });
        match id {
            Some(id) if seen.insert(id) => tasks.push((id, IfMatch::of(task.if_match.as_deref()))),
            Some(_) => fields.add(FieldError::new(field, "duplicate", "is there twice")),
            None => {}
        }
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
            json!({"action": "add_tag", "tasks": [{"id": "7"}, {"id": id}, {"id": id}, {}]}),
            &[
                ("tag", "required"),
                ("tasks[0].id", "malformed"),
                ("tasks[2].id", "duplicate"),
                ("tasks[3].id", "required"),
            ],
        );
        let many: Vec<_> = (0..101).map(|_| json!({"id": Uuid::now_v7()})).collect();
        expect(
            json!({"action": "shout", "tasks": many}),
            &[("action", "unknown_value"), ("tasks", "too_many")],
        );
    }
}
