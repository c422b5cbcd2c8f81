//! What can go wrong, and how it is told: one exhaustive match gives status
//! and code, over HTTP as a problem document, over the WebSocket as a frame.

use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use service::database::is_unreachable;
use service::problem::{FieldError, Problem};

use crate::tasks::TaskFailure;

/// An error of this service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields that will not do.
    #[error("invalid fields")]
    Invalid(Vec<FieldError>),
    /// Unknown account or wrong password: nobody learns which.
    #[error("invalid credentials")]
    InvalidCredentials,
    /// The refresh token is unknown, expired, used up or revoked.
    #[error("invalid refresh token")]
    InvalidRefreshToken,
    /// Too many attempts.
    #[error("too many attempts")]
    Throttled(Duration),
    /// An account with this e-mail address exists.
    #[error("e-mail address taken")]
    EmailTaken,
    /// A room with this name exists.
    #[error("room name taken")]
    RoomNameTaken,
    /// The user made as many rooms as one user may.
    #[error("too many rooms")]
    TooManyRooms,
    /// No such room, or none that the user may see.
    #[error("room not found")]
    RoomNotFound,
    /// No such account.
    #[error("user not found")]
    UserNotFound,
    /// Too much to do already.
    #[error("busy")]
    Busy,
    /// todo-api did not do what was asked.
    #[error("task operation failed: {0}")]
    Task(#[from] TaskFailure),
    /// The database did not answer.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// Something that should not happen.
    #[error("{what}: {cause}")]
    Internal {
        /// Which step.
        what: &'static str,
        /// What it said.
        cause: String,
    },
}

impl Error {
    /// A failure of `what` that nobody outside can do anything about.
    pub fn internal(what: &'static str, cause: impl std::fmt::Display) -> Self {
        Self::Internal {
            what,
            cause: cause.to_string(),
        }
    }

    /// A single field that will not do.
    pub fn field(field: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, code, message)])
    }

    /// Status, stable code and title.
    #[must_use]
    pub fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Invalid(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "validation_failed",
                "The request is not valid",
            ),
            Self::InvalidCredentials => (
                StatusCode::UNAUTHORIZED,
                "invalid_credentials",
                "E-mail address or password is wrong",
            ),
            Self::InvalidRefreshToken => (
                StatusCode::UNAUTHORIZED,
                "invalid_refresh_token",
                "The session has ended; sign in again",
            ),
            Self::Throttled(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_attempts",
                "Too many attempts",
            ),
            Self::EmailTaken => (
                StatusCode::CONFLICT,
                "email_taken",
                "An account with this address exists",
            ),
            Self::RoomNameTaken => (
                StatusCode::CONFLICT,
                "room_name_taken",
                "A room with this name exists",
            ),
            Self::TooManyRooms => (
                StatusCode::CONFLICT,
                "too_many_rooms",
                "You have created too many rooms",
            ),
            Self::RoomNotFound => (
                StatusCode::NOT_FOUND,
                "room_not_found",
                "There is no such room",
            ),
            Self::UserNotFound => (
                StatusCode::NOT_FOUND,
                "user_not_found",
                "There is no such user",
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "The service is busy; try again",
            ),
            Self::Task(failure) => failure.kind(),
            Self::Database(error) if is_unreachable(error) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "database_unavailable",
                "The service cannot do this right now",
            ),
            Self::Database(_) | Self::Internal { .. } => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal_error",
                "Something went wrong on our side",
            ),
        }
    }

    /// For people; never what a dependency said.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Invalid(fields) => {
                let all: Vec<String> = fields
                    .iter()
                    .map(|error| format!("{} {}", error.field, error.message))
                    .collect();
                all.join("; ")
            }
            Self::Throttled(wait) => format!("Try again in {} seconds", wait.as_secs().max(1)),
            Self::Task(failure) => failure.detail(),
            other => other.kind().2.to_owned(),
        }
    }

    /// Logs what only we can do something about, once, at the border.
    pub fn log(&self) {
        match self {
            Self::Database(error) => tracing::error!(error = %error, "database_failed"),
            Self::Internal { what, cause } => {
                tracing::error!(step = *what, error = %cause, "internal_error")
            }
            Self::Task(failure) => failure.log(),
            _ => {}
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.log();
        if let Self::Task(TaskFailure::Refused {
            status,
            problem,
            retry_after,
        }) = self
        {
            // todo-api's own words, field errors and all.
            let kind = [(header::CONTENT_TYPE, "application/problem+json")];
            let mut response = (status, kind, problem).into_response();
            if let Some(seconds) = retry_after {
                let headers = response.headers_mut();
                headers.insert(header::RETRY_AFTER, seconds.into());
            }
            return response;
        }
        let (status, code, title) = self.kind();
        let detail = self.detail();
        let mut problem = Problem::new(status, code, title);
        if detail != title {
            problem = problem.detail(detail);
        }
        match self {
            Self::Invalid(errors) => problem = problem.errors(errors),
            Self::Throttled(wait) => {
                problem =
                    problem.retry_after(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).max(1));
            }
            _ if status == StatusCode::SERVICE_UNAVAILABLE => problem = problem.retry_after(1),
            _ => {}
        }
        problem.into_response()
    }
}

/// The name of the constraint an insert ran into.
#[must_use]
pub fn constraint(error: &sqlx::Error) -> Option<&str> {
    error
        .as_database_error()
        .and_then(|error| error.constraint())
}
