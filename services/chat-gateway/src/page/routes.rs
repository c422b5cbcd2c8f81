//! `/`, `/web/…`, and what the page asks before anybody signed in.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use axum::{Json as Answer, Router};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::assets;
use crate::Gateway;
use crate::config::Links;

/// The routes of this capability that answer with data.
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(page_config))
        .routes(routes!(system))
}

/// The page itself.
pub fn files() -> Router<Gateway> {
    Router::new()
        .route("/", get(index))
        .route("/web/{*file}", get(file))
}

async fn index(headers: HeaderMap) -> Response {
    assets::file("index.html", &headers)
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    assets::file(&name, &headers)
}

/// What the page shows, and where it leads.
#[derive(Serialize, ToSchema)]
struct PageConfig {
    /// Whether the demo account can be signed in to.
    demo: bool,
    version: &'static str,
    #[serde(flatten)]
    links: Links,
}

/// What the page has to know
#[utoipa::path(
    get,
    path = "/api/page-config",
    tag = "page",
    security(()),
    responses((status = 200, description = "What it shows, and where it leads", body = PageConfig))
)]
async fn page_config(State(gateway): State<Gateway>) -> Answer<PageConfig> {
    let links = gateway.config.links.clone();
    Answer(PageConfig {
        demo: gateway.demo_mode,
        version: env!("CARGO_PKG_VERSION"),
        links,
    })
}

/// The state of the system.
#[derive(Serialize, ToSchema)]
struct System {
    components: Vec<Component>,
}

/// A part of it.
#[derive(Serialize, ToSchema)]
struct Component {
    name: &'static str,
    /// `ready` or `not_ready`.
    state: &'static str,
}

/// The state of the system
///
/// What the health checks found last: no question is asked for this answer.
#[utoipa::path(
    get,
    path = "/api/system",
    tag = "page",
    security(()),
    responses((status = 200, description = "The gateway, and what it depends on", body = System))
)]
async fn system(State(gateway): State<Gateway>) -> Answer<System> {
    let own = if gateway.health.ready() {
        "ready"
    } else {
        "not_ready"
    };
    let mut components = vec![Component {
        name: "chat-gateway",
        state: own,
    }];
    components.extend(gateway.watched.iter().map(|name| Component {
        name,
        state: if gateway.health.lost(name) {
            "not_ready"
        } else {
            "ready"
        },
    }));
    Answer(System { components })
}
