//! What the OpenAPI document says of the service as a whole.

use axum::Router;
use utoipa::{OpenApi, openapi::OpenApi as Document};
use utoipa_axum::router::OpenApiRouter;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Glasshouse tasks",
        description = "Tasks with tags, priorities, due dates and reminders. \
            Every error is a problem document (RFC 9457) with a `code` for programs. \
            What is not as documented is answered 422; what is, but cannot be done as \
            things stand, 409. Every answer carries `X-Request-ID` and `X-Response-Time`.",
    ),
    tags(
        (name = "tasks", description = "A user's own tasks"),
        (name = "reminders", description = "The reminders of a task"),
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
    use serde_json::Value;

    use super::*;

    fn json() -> Value {
        let (_, document) = document(crate::tasks::router());
        serde_json::to_value(document).unwrap()
    }

    #[test]
    fn every_operation_is_documented() {
        let json = json();
        let paths: Vec<_> = json["paths"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(
            paths,
            [
                "/v1/tasks",
                "/v1/tasks/bulk",
                "/v1/tasks/counts",
                "/v1/tasks/export",
                "/v1/tasks/import",
                "/v1/tasks/{id}",
                "/v1/tasks/{id}/complete",
                "/v1/tasks/{id}/reminders",
                "/v1/tasks/{id}/reminders/{reminder_id}",
                "/v1/tasks/{id}/reminders/{reminder_id}/snooze",
                "/v1/tasks/{id}/reopen"
            ]
        );
        assert!(json["paths"]["/v1/tasks"]["post"]["responses"]["422"].is_object());
    }
}
