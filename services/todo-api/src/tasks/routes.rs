use axum::response::{IntoResponse, Response};
use events::contracts::Change;
use http::{Method, StatusCode, header};
use service::{
    auth::User,
    http::{Json, Path, Query},
};
use utoipa::{IntoParams, IntoResponses};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Operation,
    body::{NewTaskBody, TaskBody, TaskPatchBody},
    bulk,
    domain::now,
    operation::Done,
    recurrence::{Scope, ScopeQuery},
    reminders, search,
    store::Edit,
    task::Task,
    transfer,
    version::{IfMatch, IfNoneMatch, etag},
};
use crate::{AppState, Error, Store, idempotency::Once};

/// The routes of tasks, with their documentation.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(read, update, delete))
        .routes(routes!(complete))
        .routes(routes!(reopen))
        .merge(search::router())
        .merge(bulk::router())
        .merge(transfer::router())
        .merge(reminders::router())
}

/// Starts the HTTP series of these routes at zero.
pub(crate) fn start_series() {
    telemetry::http::preregister(&[
        (Method::POST, "/v1/tasks", StatusCode::CREATED),
        (Method::GET, "/v1/tasks", StatusCode::OK),
        (Method::GET, "/v1/tasks/counts", StatusCode::OK),
        (Method::POST, "/v1/tasks/bulk", StatusCode::MULTI_STATUS),
        (Method::GET, "/v1/tasks/export", StatusCode::OK),
        (Method::POST, "/v1/tasks/import", StatusCode::OK),
        (Method::GET, "/v1/tasks/{id}", StatusCode::OK),
        (Method::PATCH, "/v1/tasks/{id}", StatusCode::OK),
        (Method::DELETE, "/v1/tasks/{id}", StatusCode::NO_CONTENT),
        (Method::POST, "/v1/tasks/{id}/complete", StatusCode::OK),
        (Method::POST, "/v1/tasks/{id}/reopen", StatusCode::OK),
        (Method::POST, "/v1/tasks/{id}/reminders", StatusCode::OK),
        (
            Method::DELETE,
            "/v1/tasks/{id}/reminders/{reminder_id}",
            StatusCode::OK,
        ),
        (
            Method::POST,
            "/v1/tasks/{id}/reminders/{reminder_id}/snooze",
            StatusCode::OK,
        ),
    ]);
}

/// Create a task
#[utoipa::path(
    post,
    path = "/v1/tasks",
    tag = "tasks",
    params(Once),
    request_body = NewTaskBody,
    responses((status = 201, description = "The task", body = TaskBody,
        headers(("ETag" = String), ("Location" = String))))
)]
async fn create(
    user: User,
    store: Store,
    Json(body): Json<NewTaskBody>,
) -> Result<Response, Error> {
    let work = async {
        let now = now();
        let draft = body.into_draft(now)?;
        draft.count_features();
        let task = Task::new(user.id, draft, now);
        service::planted!("answer_before_commit" => {
            let (store, task) = (store.clone(), task.clone());
            drop(tokio::spawn(async move { store.insert(&task).await }))
        }, else store.insert(&task).await?);
        Ok(Done {
            task_id: task.id,
            changed: true,
            value: task,
        })
    };
    let task = Operation::Create.attempt(&store, user.id, work).await?;
    let location = format!("/v1/tasks/{}", task.id);
    let headers = [(header::LOCATION, location)];
    Ok((StatusCode::CREATED, headers, TaskAnswer::from(task)).into_response())
}

/// Read a task
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}",
    tag = "tasks",
    params(TaskId, Known),
    responses(TaskAnswer, (status = 304, description = "It is still at that version",
        headers(("ETag" = String))))
)]
async fn read(
    user: User,
    store: Store,
    Path(id): Path<Uuid>,
    known: IfNoneMatch,
) -> Result<Response, Error> {
    let task = store.get(user.id, id).await?;
    if known.names(task.version) {
        let headers = [(header::ETAG, etag(task.version))];
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Ok(TaskAnswer::from(task).into_response())
}

/// Change fields of a task
///
/// What is absent stays as it is; null clears a field that may be without a
/// value. With `If-Match`, only that version is changed. Of a task that repeats,
/// this one is changed, or with `scope=following` the occurrences after it too.
#[utoipa::path(
    patch,
    path = "/v1/tasks/{id}",
    tag = "tasks",
    params(TaskId, ScopeQuery, Precondition, Once),
    request_body = TaskPatchBody,
    responses(TaskAnswer)
)]
async fn update(
    user: User,
    store: Store,
    Path(id): Path<Uuid>,
    Query(scope): Query<ScopeQuery>,
    expected: IfMatch,
    Json(body): Json<TaskPatchBody>,
) -> Result<TaskAnswer, Error> {
    let work = async {
        let patch = body.into_patch(scope.into_scope()?)?;
        patch.count_features();
        let apply = |task: &Task| task.patched(&patch, now());
        let edit = Edit {
            change: Change::Updated,
            expected: &expected,
            apply: &apply,
        };
        let (value, changed) = store.change(user.id, id, &edit).await?;
        Ok(Done {
            task_id: id,
            changed,
            value,
        })
    };
    let task = Operation::Update.attempt(&store, user.id, work).await?;
    Ok(task.into())
}

/// Delete a task
///
/// Of a task that repeats, the next occurrence follows it, unless the scope is
/// `following`: then the series ends.
#[utoipa::path(
    delete,
    path = "/v1/tasks/{id}",
    tag = "tasks",
    params(TaskId, ScopeQuery, Precondition),
    responses((status = 204, description = "It is gone"))
)]
async fn delete(
    user: User,
    store: Store,
    Path(id): Path<Uuid>,
    Query(scope): Query<ScopeQuery>,
    expected: IfMatch,
) -> Result<StatusCode, Error> {
    let scope = scope.into_scope()?;
    let edit = Edit {
        change: Change::Deleted,
        expected: &expected,
        apply: &|task| match scope {
            Scope::This => Ok(task.clone()),
            Scope::Following => task.without_following(),
        },
    };
    Operation::Delete
        .change(&store, user.id, id, &edit)
        .await
        .map(|_| StatusCode::NO_CONTENT)
}

/// Complete a task
///
/// Completing a completed task changes nothing and is no error. If the task
/// repeats, its next occurrence is a new task: `recurrence.next_task_id`.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/complete",
    tag = "tasks",
    params(TaskId, Precondition, Once),
    responses(TaskAnswer)
)]
async fn complete(
    user: User,
    store: Store,
    Path(id): Path<Uuid>,
    expected: IfMatch,
) -> Result<TaskAnswer, Error> {
    let edit = Edit {
        change: Change::Completed,
        expected: &expected,
        apply: &|task| Ok(task.completed(now())),
    };
    let task = Operation::Complete.change(&store, user.id, id, &edit);
    task.await.map(TaskAnswer::from)
}

/// Reopen a completed task
///
/// Reopening an open task changes nothing and is no error.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/reopen",
    tag = "tasks",
    params(TaskId, Precondition, Once),
    responses(TaskAnswer)
)]
async fn reopen(
    user: User,
    store: Store,
    Path(id): Path<Uuid>,
    expected: IfMatch,
) -> Result<TaskAnswer, Error> {
    let edit = Edit {
        change: Change::Reopened,
        expected: &expected,
        apply: &|task| Ok(task.reopened()),
    };
    let task = Operation::Reopen.change(&store, user.id, id, &edit);
    task.await.map(TaskAnswer::from)
}

/// The task that a path names.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its documentation is used")]
pub(super) struct TaskId {
    /// The task
    id: Uuid,
}

/// On which version of the task the request depends.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its documentation is used")]
pub(super) struct Precondition {
    /// The ETag of the version that may be changed
    #[param(rename = "If-Match", nullable = false)]
    if_match: Option<String>,
}

/// Which version of the task the caller has.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its documentation is used")]
struct Known {
    /// The ETag of a version that need not be sent again
    #[param(rename = "If-None-Match", nullable = false)]
    if_none_match: Option<String>,
}

/// A task, with its version as ETag.
#[derive(IntoResponses)]
#[response(
    status = 200,
    description = "The task",
    headers(("ETag" = String, description = "Its version"))
)]
pub(super) struct TaskAnswer(TaskBody);

impl From<Task> for TaskAnswer {
    fn from(task: Task) -> Self {
        Self(TaskBody::from(task))
    }
}

impl IntoResponse for TaskAnswer {
    fn into_response(self) -> Response {
        ([(header::ETAG, etag(self.0.version))], Json(self.0)).into_response()
    }
}
