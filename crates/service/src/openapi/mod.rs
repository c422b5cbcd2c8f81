//! The OpenAPI document of a service, made from its handlers' own annotations, and
//! its page.

mod refusals;

use axum::Router;
use utoipa::{
    Modify, OpenApi, ToSchema,
    openapi::{
        OpenApi as Document,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// What the documents of all services have in common.
#[derive(OpenApi)]
#[openapi(
    components(schemas(ProblemDocument, FieldProblem)),
    modifiers(&BearerToken),
    security(("bearer" = [])),
)]
struct Common;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut Document) {
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.bearer_format = Some("JWT".to_owned());
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

// What `problem` writes; a test holds the two together.
/// An error (RFC 9457).
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct ProblemDocument {
    /// A name for this kind of problem.
    #[schema(example = "urn:glasshouse:problem:validation_failed")]
    r#type: String,
    /// The kind of problem, for people.
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// The kind of problem, for programs.
    #[schema(example = "validation_failed")]
    code: String,
    /// What went wrong this time.
    #[schema(nullable = false)]
    detail: Option<String>,
    /// Every field that will not do.
    #[schema(nullable = false)]
    errors: Option<Vec<FieldProblem>>,
    /// The request, as it is in the logs.
    #[schema(nullable = false)]
    request_id: Option<String>,
    /// The trace.
    #[schema(nullable = false)]
    trace_id: Option<String>,
}

/// One field that will not do.
#[derive(ToSchema)]
#[schema(as = FieldError)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct FieldProblem {
    /// Where it is.
    #[schema(example = "tags[2]")]
    field: String,
    /// What is wrong, for programs.
    #[schema(example = "too_long")]
    code: String,
    /// What is wrong, for people.
    message: String,
}

/// The document of these routes, and the routes themselves. `api` says what they are
/// about; to each operation the refusals are added that follow from what it takes.
pub fn document<S: Clone + Send + Sync + 'static>(
    mut api: Document,
    routes: OpenApiRouter<S>,
) -> (Router<S>, Document) {
    api.merge(Common::openapi());
    let (routes, mut document) = OpenApiRouter::with_openapi(api)
        .merge(routes)
        .split_for_parts();
    refusals::add(&mut document);
    (routes, document)
}

/// `/openapi.json` and the page at `/docs`, which needs nothing from elsewhere.
pub fn ui(document: Document) -> Router {
    let config = Config::new(["/openapi.json"])
        // Else the page asks a validator on the internet.
        .validator_url("none")
        .persist_authorization(true);
    SwaggerUi::new("/docs")
        .url("/openapi.json", document)
        .config(config)
        .into()
}

#[cfg(test)]
mod tests {
    use axum::{body::to_bytes, response::IntoResponse};
    use serde_json::Value;

    use super::*;
    use crate::problem::{FieldError, Problem};

    #[derive(OpenApi)]
    #[openapi(info(title = "A test", description = "Of nothing"))]
    struct Api;

    fn json() -> Value {
        let (_, document) = document::<()>(Api::openapi(), OpenApiRouter::new());
        serde_json::to_value(document).unwrap()
    }

    #[test]
    fn every_document_is_secured_and_says_what_it_is_about() {
        let json = json();
        assert!(json["openapi"].as_str().unwrap().starts_with("3.1"));
        assert_eq!(json["info"]["title"], "A test");
        assert!(json["security"][0]["bearer"].is_array());
        assert!(json["components"]["securitySchemes"]["bearer"].is_object());
    }

    #[tokio::test]
    async fn a_problem_looks_as_documented() {
        let problem = Problem::invalid(vec![FieldError::new("title", "required", "is required")])
            .detail("why");
        let body = to_bytes(problem.into_response().into_body(), 4096)
            .await
            .unwrap();
        let problem: Value = serde_json::from_slice(&body).unwrap();
        let schemas = &json()["components"]["schemas"];
        for (value, schema) in [(&problem, "Problem"), (&problem["errors"][0], "FieldError")] {
            let documented = schemas[schema]["properties"].as_object().unwrap();
            for name in value.as_object().unwrap().keys() {
                assert!(documented.contains_key(name), "{schema}.{name}");
            }
        }
    }
}
