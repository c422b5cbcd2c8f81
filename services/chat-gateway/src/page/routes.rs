//! `/`, `/web/…`, and what the page asks before anybody signed in.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use axum::{Json as Answer, Router};
use serde::Serialize;

use super::assets;
use crate::Gateway;
use crate::config::Links;

/// The routes of this capability.
pub fn router() -> Router<Gateway> {
    Router::new()
        .route("/", get(index))
        .route("/web/{*file}", get(file))
        .route("/api/page-config", get(page_config))
        .route("/api/system", get(system))
}

async fn index(headers: HeaderMap) -> Response {
    assets::file("index.html", &headers)
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    assets::file(&name, &headers)
}

#[derive(Serialize)]
struct PageConfig {
    demo: bool,
    version: &'static str,
    #[serde(flatten)]
    links: Links,
}

async fn page_config(State(gateway): State<Gateway>) -> Answer<PageConfig> {
    let links = gateway.config.links.clone();
    Answer(PageConfig {
        demo: gateway.demo_mode,
        version: env!("CARGO_PKG_VERSION"),
        links,
    })
}

#[derive(Serialize)]
struct System {
    components: Vec<Component>,
}

#[derive(Serialize)]
struct Component {
    name: &'static str,
    state: &'static str,
}

/// What the health checks found last: no question is asked for this answer.
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
