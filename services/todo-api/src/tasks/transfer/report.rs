use serde::Serialize;
use service::{openapi::ProblemDocument, problem::Problem};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Error;

/// What became of a file.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = ImportReport)]
pub(super) struct Report {
    /// Tasks that were made.
    created: usize,
    /// Tasks that are there already, from an earlier import or as themselves:
    /// they are left as they are.
    existing: usize,
    failed: usize,
    /// One for each task in the file, in its order.
    results: Vec<LineResult>,
}

/// What became of one task in the file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LineResult {
    /// The line on which it begins, from 1.
    line: usize,
    /// 201 if it was made, 200 if it was there already.
    #[schema(minimum = 200, maximum = 599)]
    status: u16,
    /// The new task.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id: Option<Uuid>,
    /// Why it was not made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<ProblemDocument>)]
    problem: Option<Problem>,
}

impl Report {
    pub(super) fn created(&mut self, line: usize, id: Uuid) {
        self.created += 1;
        self.add(line, 201, Some(id), None);
    }

    pub(super) fn existing(&mut self, line: usize) {
        self.existing += 1;
        self.add(line, 200, None, None);
    }

    pub(super) fn failed(&mut self, line: usize, error: &Error) {
        let problem = error.problem();
        self.failed += 1;
        self.add(line, problem.status.as_u16(), None, Some(problem));
    }

    /// How many tasks were made.
    pub(super) fn count(&self) -> usize {
        self.created
    }

    /// In the file's order, whatever was found out first.
    pub(super) fn in_order(mut self) -> Self {
        self.results.sort_by_key(|result| result.line);
        self
    }

    fn add(&mut self, line: usize, status: u16, id: Option<Uuid>, problem: Option<Problem>) {
        self.results.push(LineResult {
            line,
            status,
            id,
            problem,
        });
    }
}
