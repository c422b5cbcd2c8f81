//! `/api/notifications…`

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json as Answer, Router};
use serde::{Deserialize, Serialize};
use service::auth::User;
use service::http::Query;

use super::{Stored, store};
use crate::Gateway;
use crate::error::Error;

const DEFAULT_PAGE: i64 = 20;
const MAX_PAGE: i64 = 100;

/// The routes of this capability.
pub fn router() -> Router<Gateway> {
    Router::new()
        .route("/api/notifications", get(list))
        .route("/api/notifications/read", post(read))
}

#[derive(Deserialize)]
struct Page {
    limit: Option<i64>,
}

#[derive(Serialize)]
struct Notifications {
    items: Vec<Stored>,
}

async fn list(
    State(gateway): State<Gateway>,
    user: User,
    Query(page): Query<Page>,
) -> Result<Answer<Notifications>, Error> {
    let limit = page.limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Error::field(
            "limit",
            "out_of_range",
            format!("must be between 1 and {MAX_PAGE}"),
        ));
    }
    Ok(Answer(Notifications {
        items: store::list(&gateway.pool, user.id, limit).await?,
    }))
}

async fn read(State(gateway): State<Gateway>, user: User) -> Result<StatusCode, Error> {
    store::read_all(&gateway.pool, user.id).await?;
    Ok(StatusCode::NO_CONTENT)
}
