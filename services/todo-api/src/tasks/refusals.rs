//! The errors of the operations, for the OpenAPI document.

#![expect(dead_code, reason = "only their documentation is used")]

use utoipa::IntoResponses;

use crate::openapi::ProblemDocument;

/// What every operation may answer.
#[derive(IntoResponses)]
pub(super) enum Refused {
    /// Without a valid token
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(ProblemDocument),
    /// Something went wrong on our side
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(ProblemDocument),
    /// Overloaded, or the database is away: try again after Retry-After
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemDocument),
    /// It took too long
    #[response(status = 504, content_type = "application/problem+json")]
    Late(ProblemDocument),
}

/// What an operation with a body may answer.
#[derive(IntoResponses)]
pub(super) enum BodyRefused {
    /// The body is not JSON
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(ProblemDocument),
    /// The body did not arrive in time
    #[response(status = 408, content_type = "application/problem+json")]
    Stalled(ProblemDocument),
    /// The body is too large
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemDocument),
    /// The body is not declared as JSON
    #[response(status = 415, content_type = "application/problem+json")]
    Unsupported(ProblemDocument),
    /// Fields will not do: `errors` names them all
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(ProblemDocument),
}

/// What an operation with filters may answer.
#[derive(IntoResponses)]
pub(super) enum QueryRefused {
    /// Parameters will not do: `errors` names them all
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(ProblemDocument),
}

/// What a list may answer.
#[derive(IntoResponses)]
pub(super) enum ListRefused {
    /// The cursor is broken, or belongs to another list
    #[response(status = 400, content_type = "application/problem+json")]
    Cursor(ProblemDocument),
}

/// What an operation on one task may answer.
#[derive(IntoResponses)]
pub(super) enum Absent {
    /// There is no such task, or it is somebody else's
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemDocument),
}

/// What a change of one task may answer.
#[derive(IntoResponses)]
pub(super) enum Changed {
    /// The task is at another version than `If-Match` names
    #[response(status = 412, content_type = "application/problem+json")]
    Mismatch(ProblemDocument),
}
