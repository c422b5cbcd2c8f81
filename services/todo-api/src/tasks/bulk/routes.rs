use std::time::{Duration, Instant};

use http::StatusCode;
use service::{auth::User, http::Json};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    super::{store::Edit, version::IfMatch},
    action::Action,
    body::{BulkAnswer, BulkBody, BulkResult},
};
use crate::{AppState, Error, Store, idempotency::Once, metrics::Feature};

/// When this has passed, what was not begun is refused: the rest has to be
/// answered before the request's own deadline.
const PATIENCE: Duration = Duration::from_secs(5);

/// The routes of bulk changes, with their documentation.
pub(in super::super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(bulk))
}

/// Change many tasks
///
/// Each is changed, or not, for itself, one after the other, and has its own
/// result. An action that finds nothing to do is no error.
#[utoipa::path(
    post,
    path = "/v1/tasks/bulk",
    tag = "tasks",
    params(Once),
    request_body = BulkBody,
    responses((status = 207, description = "What became of each task", body = BulkAnswer))
)]
async fn bulk(
    user: User,
    store: Store,
    Json(body): Json<BulkBody>,
) -> Result<(StatusCode, Json<BulkAnswer>), Error> {
    let bulk = body.into_bulk()?;
    Feature::Bulk.used();
    let start = Instant::now();
    let mut results = Vec::with_capacity(bulk.tasks.len());
    for (id, expected) in &bulk.tasks {
        let result = if start.elapsed() < PATIENCE {
            change(&store, user.id, *id, expected, &bulk.action).await
        } else {
            Err(Error::Overloaded)
        };
        results.push(BulkResult::new(*id, result));
    }
    Ok((StatusCode::MULTI_STATUS, Json(results.into())))
}

/// Changes one task, and answers with its version if it is still there.
async fn change(
    store: &Store,
    owner: Uuid,
    id: Uuid,
    expected: &IfMatch,
    action: &Action,
) -> Result<Option<i64>, Error> {
    let edit = Edit {
        change: action.change(),
        expected,
        apply: &|task| action.apply(task),
    };
    let task = action.operation().change(store, owner, id, &edit).await?;
    Ok((*action != Action::Delete).then_some(task.version))
}
