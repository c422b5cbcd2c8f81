//! `/api/rooms…`

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use service::auth::User;
use service::http::{Json, Path, Query};
use service::openapi::ProblemDocument;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{Message, Room, RoomRef, name, store};
use crate::Gateway;
use crate::error::Error;

const DEFAULT_PAGE: i64 = 50;
const MAX_PAGE: i64 = 100;

/// The routes of this capability.
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(join))
        .routes(routes!(add_member))
        .routes(routes!(history))
}

/// The room that a path names.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its documentation is used")]
struct RoomId {
    /// The room
    id: Uuid,
}

/// Rooms that a user may see.
#[derive(Serialize, ToSchema)]
struct Rooms {
    items: Vec<Room>,
}

/// List rooms
#[utoipa::path(
    get,
    path = "/api/rooms",
    tag = "rooms",
    operation_id = "list_rooms",
    responses((status = 200, description = "Public rooms, and the caller's private ones", body = Rooms))
)]
async fn list(State(gateway): State<Gateway>, user: User) -> Result<Answer<Rooms>, Error> {
    Ok(Answer(Rooms {
        items: store::list(&gateway.pool, user.id).await?,
    }))
}

/// A new room.
#[derive(Deserialize, ToSchema)]
struct NewRoom {
    /// Lower case, whatever was given; each name is there once.
    #[schema(
        pattern = r"^\s*[A-Za-z0-9][A-Za-z0-9_-]{0,63}\s*$",
        example = "garden"
    )]
    name: String,
    /// Whether only members may see it.
    #[serde(default)]
    private: bool,
}

/// Create a room
#[utoipa::path(
    post,
    path = "/api/rooms",
    tag = "rooms",
    operation_id = "create_room",
    request_body = NewRoom,
    responses(
        (status = 201, description = "The room, with the caller as its member", body = Room),
        (status = 404, description = "The caller's account is no more",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "There is a room of this name, or the caller has made too many",
            body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(gateway): State<Gateway>,
    user: User,
    Json(body): Json<NewRoom>,
) -> Result<(StatusCode, Answer<Room>), Error> {
    let name = name(&body.name, "name").map_err(|error| Error::Invalid(vec![error]))?;
    let room = store::create(&gateway.pool, user.id, &name, body.private).await?;
    tracing::info!(user_id = %user.id, room_id = %room.id, "room_created");
    Ok((StatusCode::CREATED, Answer(room)))
}

/// Join a room
#[utoipa::path(
    post,
    path = "/api/rooms/{id}/join",
    tag = "rooms",
    operation_id = "join_room",
    params(RoomId),
    responses((status = 200, description = "The room", body = Room))
)]
async fn join(
    State(gateway): State<Gateway>,
    user: User,
    Path(id): Path<Uuid>,
) -> Result<Answer<Room>, Error> {
    Ok(Answer(
        store::join(&gateway.pool, user.id, &RoomRef::Id(id)).await?,
    ))
}

/// Somebody to be let in.
#[derive(Deserialize, ToSchema)]
struct NewMember {
    user_id: Uuid,
}

/// Let somebody into a room
///
/// Whoever made it may.
#[utoipa::path(
    post,
    path = "/api/rooms/{id}/members",
    tag = "rooms",
    operation_id = "add_member",
    params(RoomId),
    request_body = NewMember,
    responses((status = 204, description = "They are a member"))
)]
async fn add_member(
    State(gateway): State<Gateway>,
    user: User,
    Path(id): Path<Uuid>,
    Json(body): Json<NewMember>,
) -> Result<StatusCode, Error> {
    store::add_member(&gateway.pool, user.id, id, body.user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which messages.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Page {
    /// Those before this message only: `next_before` of the page before.
    before: Option<Uuid>,
    /// Most messages on the page; 50 unless given.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
}

/// A page of messages.
#[derive(Serialize, ToSchema)]
struct History {
    /// Newest first.
    items: Vec<Message>,
    /// The `before` of the next page; null on the last one.
    #[schema(required = true)]
    next_before: Option<Uuid>,
}

/// Read what was said in a room
#[utoipa::path(
    get,
    path = "/api/rooms/{id}/messages",
    tag = "rooms",
    operation_id = "room_history",
    params(RoomId, Page),
    responses((status = 200, description = "Messages, newest first", body = History))
)]
async fn history(
    State(gateway): State<Gateway>,
    user: User,
    Path(id): Path<Uuid>,
    Query(page): Query<Page>,
) -> Result<Answer<History>, Error> {
    let limit = page.limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Error::field(
            "limit",
            "out_of_range",
            format!("must be between 1 and {MAX_PAGE}"),
        ));
    }
    let mut items = store::history(&gateway.pool, user.id, id, page.before, limit + 1).await?;
    if items.is_empty() && !store::visible(&gateway.pool, user.id, id).await? {
        return Err(Error::RoomNotFound);
    }
    let more = items.len() as i64 > limit;
    items.truncate(limit as usize);
    let next_before = if more {
        items.last().map(|message| message.id)
    } else {
        None
    };
    Ok(Answer(History { items, next_before }))
}
