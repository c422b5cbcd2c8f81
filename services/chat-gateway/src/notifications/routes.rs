//! `/api/notifications…`

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use service::auth::User;
use service::http::Query;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Stored, store};
use crate::Gateway;
use crate::error::Error;

const DEFAULT_PAGE: i64 = 20;
const MAX_PAGE: i64 = 100;

/// The routes of this capability.
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
}

/// How many.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Page {
    /// Most notifications; 20 unless given.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
}

/// A user's latest notifications.
#[derive(Serialize, ToSchema)]
struct Notifications {
    items: Vec<Stored>,
}

/// List notifications
#[utoipa::path(
    get,
    path = "/api/notifications",
    tag = "notifications",
    operation_id = "list_notifications",
    params(Page),
    responses((status = 200, description = "The latest, newest first", body = Notifications))
)]
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

/// Mark all notifications as seen
#[utoipa::path(
    post,
    path = "/api/notifications/read",
    tag = "notifications",
    operation_id = "read_notifications",
    responses((status = 204, description = "They are"))
)]
async fn read(State(gateway): State<Gateway>, user: User) -> Result<StatusCode, Error> {
    store::read_all(&gateway.pool, user.id).await?;
    Ok(StatusCode::NO_CONTENT)
}
