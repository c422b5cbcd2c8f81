use axum::{body::Body, response::Response};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use service::{
    auth::User,
    http::{Json, Query},
    openapi::ProblemDocument,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    super::{
        domain::Invalid,
        fields::Fields,
        search::{FilterQuery, Filtered},
    },
    export::Export,
    format::Format,
    import::Import,
    json_lines::Line,
    lines::Lines,
    report::Report,
    source::Source,
};
use crate::{AppState, Error, Store, idempotency::Once, metrics::Feature};

/// The routes of export and import, with their documentation.
pub(in super::super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(export))
        .routes(routes!(import))
}

/// How tasks are written.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum FileFormat {
    Jsonl,
    Ics,
}

/// How tasks are written.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    /// JSON lines or iCalendar; what `Accept` prefers, unless given.
    #[param(value_type = Option<FileFormat>, inline)]
    format: Option<String>,
}

/// Export tasks
///
/// All that pass the filters, oldest first, as JSON lines or as the to-dos of an
/// iCalendar. The answer is streamed: it shows each task as it is when its part is
/// read, and is cut off if something goes wrong on the way.
#[utoipa::path(
    get,
    path = "/v1/tasks/export",
    tag = "tasks",
    params(FilterQuery, ExportQuery),
    responses(
        (status = 200, description = "The tasks", content(
            (Line = "application/x-ndjson"),
            (String = "text/calendar"),
        )),
        (status = 406, description = "Neither format is accepted", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
async fn export(
    user: User,
    store: Store,
    headers: HeaderMap,
    Query(query): Query<Filtered<ExportQuery>>,
) -> Result<Response, Error> {
    let (query, export, mut fields) = query.into_parts();
    let filter = query.read(&mut fields);
    let format = fields.optional("format", export.format.as_deref(), Format::parse);
    fields.finish()?;
    let format = match format {
        Some(format) => format,
        None => Format::accepted(&headers)?,
    };
    query.count_features();
    Feature::Export.used();
    Export::new(store, user.id, filter, format).answer().await
}

/// Whether one task that will not do is one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Atomic,
    Lines,
}

impl Mode {
    fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "atomic" => Ok(Self::Atomic),
            "lines" => Ok(Self::Lines),
            _ => Err(Invalid {
                code: "unknown_value",
                message: "must be atomic or lines".to_owned(),
            }),
        }
    }
}

/// How a file is read.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ImportQuery {
    /// `atomic`: all tasks or, if one will not do, none (422 or 409 with all that is
    /// wrong). `lines`: each for itself. `atomic` unless given.
    #[param(value_type = Option<Mode>, inline)]
    mode: Option<String>,
    /// JSON lines or iCalendar; what `Content-Type` says, unless given.
    #[param(value_type = Option<FileFormat>, inline)]
    format: Option<String>,
}

/// Import tasks
///
/// Takes what an export gives, and the to-dos of other calendars: at most 5,000
/// tasks in 16 MiB, in lines of at most 64 KiB. A task with an id (`id`, `UID`) is
/// imported once; one that is there already is left as it is. Reminders that are
/// over are left out.
#[utoipa::path(
    post,
    path = "/v1/tasks/import",
    tag = "tasks",
    params(ImportQuery, Once),
    // An empty file is one, too.
    request_body(content(
        (Option<String> = "application/x-ndjson"),
        (Option<String> = "text/calendar"),
    )),
    responses((status = 200, description = "What became of each task", body = Report))
)]
async fn import(
    user: User,
    store: Store,
    headers: HeaderMap,
    Query(query): Query<ImportQuery>,
    body: Body,
) -> Result<Json<Report>, Error> {
    let mut fields = Fields::default();
    let mode = fields.optional("mode", query.mode.as_deref(), Mode::parse);
    let format = fields.optional("format", query.format.as_deref(), Format::parse);
    fields.finish()?;
    let format = match format {
        Some(format) => format,
        None => Format::sent(&headers)?,
    };
    Feature::Import.used();
    let source = Source::new(format, Lines::new(body));
    let import = Import::new(&store, user.id, source);
    let report = match mode.unwrap_or(Mode::Atomic) {
        Mode::Atomic => import.whole().await?,
        Mode::Lines => import.by_line().await?,
    };
    tracing::info!(user_id = %user.id, created = report.count(), "task_import_done");
    Ok(Json(report))
}
