use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use events::contracts::Change;
use http::{Method, StatusCode, header};
use service::{
    auth::User,
    http::{Json, Path},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Operation, Store,
    body::{NewTaskBody, TaskBody, TaskPatchBody},
    domain::now,
    operation::Done,
    refusals::{Absent, BodyRefused, Changed, Refused},
    search,
    store::Edit,
    task::Task,
    version::{IfMatch, etag},
};
use crate::{AppState, Error};

/// The routes of tasks, with their documentation.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(read, update, delete))
        .routes(routes!(complete))
        .routes(routes!(reopen))
        .merge(search::router())
}

/// Starts the HTTP series of these routes at zero.
pub(crate) fn start_series() {
    telemetry::http::preregister(&[
        (Method::POST, "/v1/tasks", StatusCode::CREATED),
        (Method::GET, "/v1/tasks", StatusCode::OK),
        (Method::GET, "/v1/tasks/counts", StatusCode::OK),
        (Method::GET, "/v1/tasks/{id}", StatusCode::OK),
        (Method::PATCH, "/v1/tasks/{id}", StatusCode::OK),
        (Method::DELETE, "/v1/tasks/{id}", StatusCode::NO_CONTENT),
        (Method::POST, "/v1/tasks/{id}/complete", StatusCode::OK),
        (Method::POST, "/v1/tasks/{id}/reopen", StatusCode::OK),
    ]);
}

/// Create a task
#[utoipa::path(
    post,
    path = "/v1/tasks",
    tag = "tasks",
    request_body = NewTaskBody,
    responses(
        (status = 201, description = "The task", body = TaskBody,
            headers(("ETag" = String), ("Location" = String))),
        Refused,
        BodyRefused,
    )
)]
async fn create(
    user: User,
    State(store): State<Store>,
    Json(body): Json<NewTaskBody>,
) -> Result<Response, Error> {
    let work = async {
        let now = now();
        let draft = body.into_draft(now)?;
        draft.count_features();
        let task = Task::new(user.id, draft, now);
        store.insert(&task).await?;
        Ok(Done {
            task_id: task.id,
            changed: true,
            value: task,
        })
    };
    let task = Operation::Create.attempt(user.id, work).await?;
    let location = format!("/v1/tasks/{}", task.id);
    let headers = [(header::LOCATION, location)];
    Ok((StatusCode::CREATED, headers, answer(task)).into_response())
}

/// Read a task
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}",
    tag = "tasks",
    params(("id" = Uuid, Path, description = "The task")),
    responses((status = 200, description = "The task", body = TaskBody, headers(("ETag" = String))), Refused, Absent)
)]
async fn read(
    user: User,
    State(store): State<Store>,
    Path(id): Path<Uuid>,
) -> Result<Response, Error> {
    Ok(answer(store.get(user.id, id).await?))
}

/// Change fields of a task
///
/// What is absent stays as it is; null clears a field that may be without a
/// value. With `If-Match`, only that version is changed.
#[utoipa::path(
    patch,
    path = "/v1/tasks/{id}",
    tag = "tasks",
    params(
        ("id" = Uuid, Path, description = "The task"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to change"),
    ),
    request_body = TaskPatchBody,
    responses(
        (status = 200, description = "The task", body = TaskBody, headers(("ETag" = String))),
        Refused,
        BodyRefused,
        Absent,
        Changed,
    )
)]
async fn update(
    user: User,
    State(store): State<Store>,
    Path(id): Path<Uuid>,
    expected: IfMatch,
    Json(body): Json<TaskPatchBody>,
) -> Result<Response, Error> {
    let work = async {
        let patch = body.into_patch()?;
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
    Operation::Update.attempt(user.id, work).await.map(answer)
}

/// Delete a task
#[utoipa::path(
    delete,
    path = "/v1/tasks/{id}",
    tag = "tasks",
    params(
        ("id" = Uuid, Path, description = "The task"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to delete"),
    ),
    responses((status = 204, description = "It is gone"), Refused, Absent, Changed)
)]
async fn delete(
    user: User,
    State(store): State<Store>,
    Path(id): Path<Uuid>,
    expected: IfMatch,
) -> Result<StatusCode, Error> {
    let work = async {
        let apply = |task: &Task| Ok(task.clone());
        let edit = Edit {
            change: Change::Deleted,
            expected: &expected,
            apply: &apply,
        };
        store.change(user.id, id, &edit).await?;
        Ok(Done {
            task_id: id,
            changed: true,
            value: StatusCode::NO_CONTENT,
        })
    };
    Operation::Delete.attempt(user.id, work).await
}

/// Complete a task
///
/// Completing a completed task changes nothing and is no error.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/complete",
    tag = "tasks",
    params(
        ("id" = Uuid, Path, description = "The task"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to complete"),
    ),
    responses(
        (status = 200, description = "The task", body = TaskBody, headers(("ETag" = String))),
        Refused,
        Absent,
        Changed,
    )
)]
async fn complete(
    user: User,
    State(store): State<Store>,
    Path(id): Path<Uuid>,
    expected: IfMatch,
) -> Result<Response, Error> {
    let work = async {
        let apply = |task: &Task| Ok(task.completed(now()));
        let edit = Edit {
            change: Change::Completed,
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
    Operation::Complete.attempt(user.id, work).await.map(answer)
}

/// Reopen a completed task
///
/// Reopening an open task changes nothing and is no error.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/reopen",
    tag = "tasks",
    params(
        ("id" = Uuid, Path, description = "The task"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to reopen"),
    ),
    responses(
        (status = 200, description = "The task", body = TaskBody, headers(("ETag" = String))),
        Refused,
        Absent,
        Changed,
    )
)]
async fn reopen(
    user: User,
    State(store): State<Store>,
    Path(id): Path<Uuid>,
    expected: IfMatch,
) -> Result<Response, Error> {
    let work = async {
        let apply = |task: &Task| Ok(task.reopened());
        let edit = Edit {
            change: Change::Reopened,
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
    Operation::Reopen.attempt(user.id, work).await.map(answer)
}

fn answer(task: Task) -> Response {
    (
        [(header::ETAG, etag(task.version))],
        Json(TaskBody::from(task)),
    )
        .into_response()
}
