//! The names of OpenTelemetry's semantic conventions that we use, pinned here
//! so that an upgrade of the conventions is one change.
//!
//! Source: <https://opentelemetry.io/docs/specs/semconv/>, version 1.4x as in
//! the `opentelemetry-semantic-conventions` crate.

pub use opentelemetry_semantic_conventions::attribute::{
    DB_COLLECTION_NAME, DB_OPERATION_NAME, DB_QUERY_SUMMARY, DB_SYSTEM_NAME, ERROR_TYPE,
    HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE, MESSAGING_CONSUMER_GROUP_NAME,
    MESSAGING_DESTINATION_NAME, MESSAGING_MESSAGE_ID, MESSAGING_OPERATION_NAME,
    MESSAGING_OPERATION_TYPE, MESSAGING_SYSTEM, SERVER_ADDRESS, SERVICE_NAME, SERVICE_VERSION,
    URL_PATH, URL_SCHEME,
};

/// Where the service runs (`demo`, `production`, …).
pub const DEPLOYMENT_ENVIRONMENT_NAME: &str = "deployment.environment.name";
/// Set on the root span of a request sent with `X-Debug: true`.
pub const DEBUG: &str = "glasshouse.debug";
