use axum::response::{IntoResponse, Response};
use events::outbox::EntryError;
use http::StatusCode;
use service::problem::{FieldError, Problem};

/// What is wrong with values that are as documented: they do not go together, or
/// with the task or the time as it is. A request that fails by these alone is
/// answered 409; what the document itself rules out is answered 422.
const CONFLICTS: [&str; 7] = [
    "in_the_past",
    "must_be_following",
    "never_repeats",
    "no_room",
    "not_the_last",
    "requires_due_at",
    "undated_recurrence",
];

fn is_conflict(error: &FieldError) -> bool {
    CONFLICTS.contains(&error.code)
}

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields that will not do.
    #[error("the request is not valid")]
    Invalid(Vec<FieldError>),
    /// The cursor is none of this list's.
    #[error("the cursor does not belong to this list")]
    Cursor,
    /// None of the formats is wanted.
    #[error("no format is acceptable")]
    NotAcceptable,
    /// The file is in none of the formats.
    #[error("the format is not known")]
    MediaType,
    /// The file broke off.
    #[error("the body could not be read")]
    BodyUnreadable,
    /// The file is larger than any.
    #[error("the file is too large")]
    FileTooLarge,
    /// The file has more tasks than any.
    #[error("the file has too many tasks")]
    TooManyTasks,
    /// There is no such task, or it is somebody else's.
    #[error("there is no such task")]
    NotFound,
    /// The task has no such reminder.
    #[error("there is no such reminder")]
    NoSuchReminder,
    /// `If-Match` names another version.
    #[error("the task has changed")]
    Changed,
    /// The event would be too large for the broker.
    #[error("the task is too large")]
    TooLarge,
    /// No connection became free.
    #[error("every database connection is busy")]
    Overloaded,
    /// The database gave up a statement that took too long.
    #[error("the database took too long")]
    TooSlow,
    /// The database is away.
    #[error("the database is not available")]
    DatabaseUnavailable,
    /// The database refused a statement.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
    /// An event could not be written as JSON.
    #[error("event: {0}")]
    Event(#[source] EntryError),
}

impl Error {
    /// The bounded code of the problem document.
    pub fn code(&self) -> &'static str {
        self.problem().code
    }

    /// Whether this is our fault rather than the caller's.
    pub fn is_ours(&self) -> bool {
        self.problem().status.is_server_error()
    }

    /// The answer.
    pub(crate) fn problem(&self) -> Problem {
        match self {
            Self::Invalid(errors) if !errors.is_empty() && errors.iter().all(is_conflict) => {
                Problem::new(
                    StatusCode::CONFLICT,
                    "conflict",
                    "As things stand this cannot be done",
                )
                .detail("Each value is as documented, but they do not go together, with the task, or with the time")
                .errors(errors.clone())
            }
            Self::Invalid(errors) => Problem::invalid(errors.clone()),
            Self::Cursor => Problem::new(
                StatusCode::BAD_REQUEST,
                "invalid_cursor",
                "The cursor does not belong to this list",
            )
            .detail("It must be a next_cursor of this list. Start again without one"),
            Self::NotAcceptable => Problem::new(
                StatusCode::NOT_ACCEPTABLE,
                "not_acceptable",
                "There is no such format",
            )
            .detail("Accept application/x-ndjson or text/calendar"),
            Self::MediaType => Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The file must be JSON lines or iCalendar",
            )
            .detail("Send Content-Type: application/x-ndjson or text/calendar"),
            Self::BodyUnreadable => Problem::new(
                StatusCode::BAD_REQUEST,
                "body_unreadable",
                "The body could not be read",
            ),
            Self::FileTooLarge => Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                "The body is too large",
            )
            .detail("At most 16 MiB"),
            Self::TooManyTasks => Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_many_tasks",
                "The file has too many tasks",
            )
            .detail("At most 5,000"),
            Self::NotFound => Problem::new(
                StatusCode::NOT_FOUND,
                "task_not_found",
                "There is no such task",
            ),
            Self::NoSuchReminder => Problem::new(
                StatusCode::NOT_FOUND,
                "reminder_not_found",
                "There is no such reminder",
            ),
            Self::Changed => Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "version_mismatch",
                "The task has changed",
            )
            .detail("If-Match does not name the present version. Read the task again"),
            Self::TooLarge => Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "task_too_large",
                "The task is too large",
            ),
            Self::Overloaded => {
                Problem::unavailable("overloaded", "Too much is going on. Nothing was changed")
            }
            Self::TooSlow => Problem::new(
                StatusCode::GATEWAY_TIMEOUT,
                "deadline_exceeded",
                "The request took too long",
            )
            .detail("The database was too slow. Nothing was changed"),
            Self::DatabaseUnavailable => {
                Problem::unavailable("database_unavailable", "The database is away")
            }
            Self::Database(_) | Self::Event(_) => Problem::internal(),
        }
    }
}

impl From<EntryError> for Error {
    fn from(error: EntryError) -> Self {
        match error {
            EntryError::TooLarge { .. } => Self::TooLarge,
            EntryError::Unserializable(_) => Self::Event(error),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.problem().into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_and_overload_are_worth_another_try() {
        for error in [Error::Overloaded, Error::DatabaseUnavailable] {
            let response = error.into_response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(response.headers().contains_key("retry-after"));
        }
    }

    #[test]
    fn values_that_only_do_not_go_together_are_a_conflict() {
        let status = |codes: &[&'static str]| {
            let errors = codes.iter().map(|code| FieldError::new("x", code, "y"));
            Error::Invalid(errors.collect()).problem().status
        };
        assert_eq!(status(&["in_the_past", "no_room"]), StatusCode::CONFLICT);
        for other in [&["in_the_past", "too_long"][..], &["too_long"], &[]] {
            assert_eq!(status(other), StatusCode::UNPROCESSABLE_ENTITY);
        }
    }

    #[test]
    fn only_our_own_faults_are_ours() {
        assert!(Error::Database(sqlx::Error::RowNotFound).is_ours());
        assert!(!Error::NotFound.is_ours() && !Error::Invalid(Vec::new()).is_ours());
    }
}
