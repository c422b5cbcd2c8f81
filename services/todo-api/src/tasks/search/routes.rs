use service::{
    auth::User,
    http::{Json, Query},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    super::body::{TaskBody, TaskPageBody},
    counts::{CountsBody, CountsQuery},
    cursor::Scope,
    filter::{FilterQuery, Filtered},
    order::{PageQuery, parse_limit},
    store::Part,
};
use crate::{AppState, Error, Store, metrics::Feature};

/// The routes of lists, with their documentation.
pub(in super::super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(counts))
}

/// Search and list tasks
///
/// The newest first, or the best match if something is searched for. Go on with
/// `next_cursor` of the answer as `cursor`, until it is null.
#[utoipa::path(
    get,
    path = "/v1/tasks",
    tag = "tasks",
    params(FilterQuery, PageQuery),
    responses((status = 200, description = "A page of tasks", body = TaskPageBody))
)]
async fn list(
    user: User,
    store: Store,
    Query(query): Query<Filtered<PageQuery>>,
) -> Result<Json<TaskPageBody>, Error> {
    let (query, page, mut fields) = query.into_parts();
    let filter = query.read(&mut fields);
    let (order, limit) = page.read(filter.words.is_some(), &mut fields);
    fields.finish()?;
    let scope = Scope::new(user.id, &query, order);
    let cursor = page.cursor.as_deref().map(|text| scope.read(text));
    let part = Part {
        filter: &filter,
        order,
        after: cursor.transpose()?,
        limit,
    };
    query.count_features();
    if page.sort.is_some() {
        Feature::Sort.used();
    }
    let page = store.list(user.id, &part).await?;
    Ok(Json(TaskPageBody {
        items: page.tasks.into_iter().map(TaskBody::from).collect(),
        next_cursor: page.next.map(|cursor| scope.write(&cursor)),
    }))
}

/// Count tasks
///
/// By status, by priority, by tag, and what is overdue: of all that pass the
/// filters.
#[utoipa::path(
    get,
    path = "/v1/tasks/counts",
    tag = "tasks",
    params(FilterQuery, CountsQuery),
    responses((status = 200, description = "The counts", body = CountsBody))
)]
async fn counts(
    user: User,
    store: Store,
    Query(query): Query<Filtered<CountsQuery>>,
) -> Result<Json<CountsBody>, Error> {
    let (query, page, mut fields) = query.into_parts();
    let filter = query.read(&mut fields);
    let top_tags = fields.optional("top_tags", page.top_tags.as_deref(), parse_limit);
    fields.finish()?;
    query.count_features();
    let counts = store
        .counts(user.id, &filter, top_tags.unwrap_or(20))
        .await?;
    Ok(Json(counts.into()))
}
