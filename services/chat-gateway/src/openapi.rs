//! What the OpenAPI document says of the service as a whole.

use axum::Router;
use utoipa::{OpenApi, openapi::OpenApi as Document};
use utoipa_axum::router::OpenApiRouter;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Glasshouse chat gateway",
        description = "Accounts and sign-in, rooms, notifications, and the page's way to the \
            tasks; what is said in rooms goes over the WebSocket. Every error is a problem \
            document (RFC 9457) with a `code` for programs.",
    ),
    tags(
        (name = "accounts", description = "Accounts, sign-in, and the keys that tokens are signed with"),
        (name = "rooms", description = "Rooms, and what was said in them"),
        (name = "notifications", description = "What a user was notified of"),
        (name = "tasks", description = "todo-api's tasks of the caller, as its own document describes them"),
        (name = "page", description = "What the web page asks"),
    ),
)]
struct Api;

/// The document of these routes, and the routes themselves.
pub(crate) fn document<S: Clone + Send + Sync + 'static>(
    routes: OpenApiRouter<S>,
) -> (Router<S>, Document) {
    service::openapi::document(Api::openapi(), routes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_documented_and_says_who_may_call_it() {
        let (_, document) = document(crate::documented());
        let json = serde_json::to_value(document).expect("JSON");
        let paths = json["paths"].as_object().expect("paths");
        let mut open = Vec::new();
        let mut count = 0;
        for (path, item) in paths {
            for (method, operation) in item.as_object().expect("operations") {
                count += 1;
                if operation["security"].is_array() {
                    open.push(format!("{method} {path}"));
                }
            }
        }
        assert_eq!(count, 20, "{:?}", paths.keys());
        assert_eq!(
            open,
            [
                "get /.well-known/jwks.json",
                "post /api/auth/login",
                "post /api/auth/logout",
                "post /api/auth/refresh",
                "post /api/auth/register",
                "get /api/page-config",
                "get /api/system",
                "get /ws",
            ]
        );
    }
}
