//! `/api/rooms…`

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json as Answer, Router};
use serde::{Deserialize, Serialize};
use service::auth::User;
use service::http::{Json, Path, Query};
use uuid::Uuid;

use super::{Message, Room, RoomRef, name, store};
use crate::Gateway;
use crate::error::Error;

const DEFAULT_PAGE: i64 = 50;
const MAX_PAGE: i64 = 100;

/// The routes of this capability.
pub fn router() -> Router<Gateway> {
    Router::new()
        .route("/api/rooms", get(list).post(create))
        .route("/api/rooms/{id}/join", post(join))
        .route("/api/rooms/{id}/members", post(add_member))
        .route("/api/rooms/{id}/messages", get(history))
}

#[derive(Serialize)]
struct Rooms {
    items: Vec<Room>,
}

async fn list(State(gateway): State<Gateway>, user: User) -> Result<Answer<Rooms>, Error> {
    Ok(Answer(Rooms {
        items: store::list(&gateway.pool, user.id).await?,
    }))
}

#[derive(Deserialize)]
struct NewRoom {
    name: String,
    #[serde(default)]
    private: bool,
}

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

async fn join(
    State(gateway): State<Gateway>,
    user: User,
    Path(id): Path<Uuid>,
) -> Result<Answer<Room>, Error> {
    Ok(Answer(
        store::join(&gateway.pool, user.id, &RoomRef::Id(id)).await?,
    ))
}

#[derive(Deserialize)]
struct NewMember {
    user_id: Uuid,
}

async fn add_member(
    State(gateway): State<Gateway>,
    user: User,
    Path(id): Path<Uuid>,
    Json(body): Json<NewMember>,
) -> Result<StatusCode, Error> {
    store::add_member(&gateway.pool, user.id, id, body.user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Page {
    before: Option<Uuid>,
    limit: Option<i64>,
}

#[derive(Serialize)]
struct History {
    /// Newest first.
    items: Vec<Message>,
    /// The `before` of the next page; null on the last one.
    next_before: Option<Uuid>,
}

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
