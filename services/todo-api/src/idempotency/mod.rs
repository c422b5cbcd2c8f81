//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a POST or
//! PATCH that is sent again is not done again.
//!
//! Everything such a request does is one transaction, and the row that holds its
//! answer is part of it. A crash leaves both or neither, without leases to
//! expire and without a state "begun" to clean up: the lock that tells a second
//! request of the first ends with the first one's connection.

mod clean;
mod key;
mod outcome;
mod request;
mod store;

use utoipa::IntoParams;

pub(crate) use clean::clean;
pub(crate) use request::layer;

/// That a request is done once.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its documentation is used")]
pub(crate) struct Once {
    /// A string of your own, new for each request: sent again with it, the
    /// request is not done again, but answered as it was, for 24 hours. The
    /// answer then has `Idempotent-Replayed: true`. A body may have 1 MiB
    #[param(
        rename = "Idempotency-Key",
        nullable = false,
        min_length = 1,
        max_length = 512,
        pattern = r#"^("([ !#-\[\]-~]|\\["\\]){1,255}"|[!#-+\--:<-\[\]-~]{1,255})$"#,
        example = "\"8e03978e-40d5-43e8-bc93-6894a57f9324\""
    )]
    idempotency_key: Option<String>,
}
