//! `/api/tasks…`: the page's way to todo-api, with the user's own token. What
//! changes here is announced to all of the user's sockets.

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use axum::{Json as Answer, Router};
use serde_json::value::{RawValue, to_raw_value};
use service::auth::User;
use service::http::Path;
use uuid::Uuid;

use super::Operation;
use crate::Gateway;
use crate::error::Error;
use crate::fanout::{Channel, Envelope};
use crate::socket::protocol::ServerFrame;

const MAX_QUERY: usize = 2048;
const MAX_BODY: usize = 64 * 1024;

/// The routes of this capability.
pub fn router() -> Router<Gateway> {
    Router::new()
        .route("/api/tasks", get(list).post(create))
        .route("/api/tasks/{id}", delete(remove))
        .route("/api/tasks/{id}/complete", post(complete))
        .route("/api/tasks/{id}/reopen", post(reopen))
}

type Task = Answer<Box<RawValue>>;

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

async fn complete(
    State(gateway): State<Gateway>,
    user: User,
    Path(id): Path<Uuid>,
) -> Result<Task, Error> {
    let task = gateway.tasks.call(&user, Operation::Complete(id)).await?;
    announce(&gateway, &user, "completed", &task, None).await;
    Ok(Answer(task))
}

async fn reopen(
    State(gateway): State<Gateway>,
    user: User,
    Path(id): Path<Uuid>,
) -> Result<Task, Error> {
    let task = gateway.tasks.call(&user, Operation::Reopen(id)).await?;
    announce(&gateway, &user, "reopened", &task, None).await;
    Ok(Answer(task))
}

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
