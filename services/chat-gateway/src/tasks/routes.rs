//! `/api/tasks…`: the page's way to todo-api, with the user's own token. What
//! changes here is announced to all of the user's sockets.

use axum::Json as Answer;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::value::{RawValue, to_raw_value};
use service::auth::User;
use service::http::Path;
use service::openapi::ProblemDocument;
use utoipa::{IntoParams, IntoResponses};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::Operation;
use crate::Gateway;
use crate::error::Error;
use crate::fanout::{Channel, Envelope};
use crate::socket::protocol::ServerFrame;

const MAX_QUERY: usize = 2048;
const MAX_BODY: usize = 64 * 1024;

/// The routes of this capability.
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(remove))
        .routes(routes!(complete))
        .routes(routes!(reopen))
}

type Task = Answer<Box<RawValue>>;

/// The task that a path names.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its documentation is used")]
struct TaskId {
    /// The task
    id: Uuid,
}

/// What else can be answered for todo-api.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its documentation is used")]
enum TaskRefused {
    /// As todo-api says.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(#[to_schema] ProblemDocument),
    /// todo-api answered what makes no sense.
    #[response(status = 502, content_type = "application/problem+json")]
    Broken(#[to_schema] ProblemDocument),
}

/// List tasks
///
/// The query string is passed on.
#[utoipa::path(
    get,
    path = "/api/tasks",
    tag = "tasks",
    operation_id = "list_tasks",
    responses(
        TaskRefused,
        (status = 200, description = "A page of tasks", body = Object),
        (status = 422, description = "The query is not one of todo-api's",
            body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(gateway): State<Gateway>,
    user: User,
    RawQuery(query): RawQuery,
) -> Result<Task, Error> {
    let query = query.unwrap_or_default();
    if query.len() > MAX_QUERY {
        return Err(Error::field(
            "query",
            "too_long",
            format!("must have at most {MAX_QUERY} bytes"),
        ));
    }
    Ok(Answer(
        gateway.tasks.call(&user, Operation::List(query)).await?,
    ))
}

/// Create a task
#[utoipa::path(
    post,
    path = "/api/tasks",
    tag = "tasks",
    operation_id = "create_task",
    request_body(content = Object, description = "A new task as todo-api takes it"),
    responses(TaskRefused, (status = 201, description = "The task", body = Object))
)]
async fn create(
    State(gateway): State<Gateway>,
    user: User,
    body: Bytes,
) -> Result<impl IntoResponse, Error> {
    if body.len() > MAX_BODY {
        return Err(Error::field(
            "body",
            "too_long",
            format!("must have at most {MAX_BODY} bytes"),
        ));
    }
    let task = gateway.tasks.call(&user, Operation::Create(body)).await?;
    announce(&gateway, &user, "created", &task, None).await;
    Ok((StatusCode::CREATED, Answer(task)))
}

/// Complete a task
#[utoipa::path(
    post,
    path = "/api/tasks/{id}/complete",
    tag = "tasks",
    operation_id = "complete_task",
    params(TaskId),
    responses(TaskRefused, (status = 200, description = "The task", body = Object))
)]
async fn complete(
    State(gateway): State<Gateway>,
    user: User,
    Path(id): Path<Uuid>,
) -> Result<Task, Error> {
    let task = gateway.tasks.call(&user, Operation::Complete(id)).await?;
    announce(&gateway, &user, "completed", &task, None).await;
    Ok(Answer(task))
}

/// Reopen a task
#[utoipa::path(
    post,
    path = "/api/tasks/{id}/reopen",
    tag = "tasks",
    operation_id = "reopen_task",
    params(TaskId),
    responses(TaskRefused, (status = 200, description = "The task", body = Object))
)]
async fn reopen(
    State(gateway): State<Gateway>,
    user: User,
    Path(id): Path<Uuid>,
) -> Result<Task, Error> {
    let task = gateway.tasks.call(&user, Operation::Reopen(id)).await?;
    announce(&gateway, &user, "reopened", &task, None).await;
    Ok(Answer(task))
}

/// Delete a task
#[utoipa::path(
    delete,
    path = "/api/tasks/{id}",
    tag = "tasks",
    operation_id = "delete_task",
    params(TaskId),
    responses(TaskRefused, (status = 204, description = "It is gone"))
)]
async fn remove(
    State(gateway): State<Gateway>,
    user: User,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Error> {
    gateway.tasks.call(&user, Operation::Delete(id)).await?;
    // A UUID always serialises.
    let gone = to_raw_value(&serde_json::json!({ "id": id }))
        .unwrap_or_else(|_| RawValue::NULL.to_owned());
    announce(&gateway, &user, "deleted", &gone, None).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells the user's sockets, wherever they are, except one that knows.
pub async fn announce(
    gateway: &Gateway,
    user: &User,
    change: &str,
    task: &RawValue,
    except: Option<Uuid>,
) {
    let traceparent = telemetry::current().map(|context| context.traceparent());
    let frame = ServerFrame::Task {
        change,
        task,
        client_id: None,
        traceparent: traceparent.as_deref(),
    };
    let mut envelope = Envelope::new(&frame, traceparent.clone());
    envelope.except = except;
    gateway
        .fanout
        .publish(Channel::User(user.id), &envelope)
        .await;
}
