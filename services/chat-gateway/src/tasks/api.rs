//! What the gateway asks of todo-api, whoever carries the call.

use axum::body::Bytes;
use axum::http::{Method, StatusCode};
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::value::RawValue;
use service::auth::User;
use uuid::Uuid;

/// One operation on the caller's own tasks.
#[derive(Clone, Debug)]
pub enum Operation {
    /// A page of tasks; the query string as todo-api knows it.
    List(String),
    /// A new task; the body as todo-api knows it.
    Create(Bytes),
    /// Marks a task as done.
    Complete(Uuid),
    /// Marks it as not done after all.
    Reopen(Uuid),
    /// Removes it.
    Delete(Uuid),
}

impl Operation {
    /// Method, path with query, and the route's template.
    #[must_use]
    pub fn request(&self) -> (Method, String, &'static str) {
        match self {
            Self::List(query) if query.is_empty() => (Method::GET, "/v1/tasks".into(), "/v1/tasks"),
            Self::List(query) => (Method::GET, format!("/v1/tasks?{query}"), "/v1/tasks"),
            Self::Create(_) => (Method::POST, "/v1/tasks".into(), "/v1/tasks"),
            Self::Complete(id) => (
                Method::POST,
                format!("/v1/tasks/{id}/complete"),
                "/v1/tasks/{id}/complete",
            ),
            Self::Reopen(id) => (
                Method::POST,
                format!("/v1/tasks/{id}/reopen"),
                "/v1/tasks/{id}/reopen",
            ),
            Self::Delete(id) => (Method::DELETE, format!("/v1/tasks/{id}"), "/v1/tasks/{id}"),
        }
    }
}

/// Carries operations to todo-api: directly, or by a sidecar.
pub trait TaskApi: Send + Sync + 'static {
    /// Does `operation` with the user's own token, so that todo-api decides
    /// itself what this user may do. Answers what todo-api said, JSON or null.
    fn call<'a>(
        &'a self,
        user: &'a User,
        operation: Operation,
    ) -> BoxFuture<'a, Result<Box<RawValue>, TaskFailure>>;
}

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum TaskFailure {
    /// todo-api refused it, for a reason the user should hear.
    #[error("refused with {status}")]
    Refused {
        /// Its status.
        status: StatusCode,
        /// Its problem document.
        problem: Bytes,
        /// Seconds after which it is worth trying again, if it said so.
        retry_after: Option<u32>,
    },
    /// todo-api cannot be reached, or says that it cannot work now.
    #[error("not available: {0}")]
    Unavailable(String),
    /// No answer in time; whether it was done is not known.
    #[error("no answer in time")]
    TimedOut,
    /// An answer that makes no sense.
    #[error("bad answer: {0}")]
    Broken(String),
}

/// The parts of a problem document that are passed on in a frame.
#[derive(Deserialize)]
struct Document {
    code: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    errors: Vec<DocumentField>,
}

#[derive(Deserialize)]
struct DocumentField {
    field: String,
    message: String,
}

impl TaskFailure {
    /// Status, stable code and title.
    #[must_use]
    pub fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Refused { status, .. } => {
                (*status, "task_refused", "The task service refused this")
            }
            Self::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "task_service_unavailable",
                "The task service is not available",
            ),
            Self::TimedOut => (
                StatusCode::GATEWAY_TIMEOUT,
                "task_service_timeout",
                "The task service did not answer in time",
            ),
            Self::Broken(_) => (
                StatusCode::BAD_GATEWAY,
                "task_service_failed",
                "The task service failed",
            ),
        }
    }

    /// The code for a frame: todo-api's own where it gave one.
    #[must_use]
    pub fn code(&self) -> String {
        self.document()
            .map_or_else(|| self.kind().1.to_owned(), |document| document.code)
    }

    /// For people.
    #[must_use]
    pub fn detail(&self) -> String {
        match self.document() {
            Some(Document { errors, .. }) if !errors.is_empty() => {
                let all: Vec<String> = errors
                    .iter()
                    .map(|error| format!("{} {}", error.field, error.message))
                    .collect();
                all.join("; ")
            }
            Some(Document { detail, .. }) if !detail.is_empty() => detail,
            Some(Document { title, .. }) if !title.is_empty() => title,
            _ => self.kind().2.to_owned(),
        }
    }

    /// Logs what is not the user's doing.
    pub fn log(&self) {
        match self {
            Self::Refused { .. } => {}
            Self::Unavailable(cause) => tracing::warn!(error = %cause, "task_service_unavailable"),
            Self::TimedOut => tracing::warn!("task_service_timeout"),
            Self::Broken(cause) => tracing::error!(error = %cause, "task_service_failed"),
        }
    }

    fn document(&self) -> Option<Document> {
        match self {
            Self::Refused { problem, .. } => serde_json::from_slice(problem).ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_todo_api_says_is_passed_on() {
        let refused = |problem: &'static [u8]| TaskFailure::Refused {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            problem: Bytes::from_static(problem),
            retry_after: None,
        };
        let said = refused(
            br#"{"code":"validation_failed","detail":"1 field","errors":[{"field":"title","message":"is too long"}]}"#,
        );
        assert_eq!(
            (said.code().as_str(), said.detail().as_str()),
            ("validation_failed", "title is too long")
        );
        let mute = refused(b"<html>");
        assert_eq!(
            (mute.code().as_str(), mute.detail().as_str()),
            ("task_refused", "The task service refused this")
        );
    }

    #[test]
    fn routes_are_templates() {
        let id = Uuid::nil();
        let (method, path, route) = Operation::Complete(id).request();
        assert_eq!(
            (method, path, route),
            (
                Method::POST,
                format!("/v1/tasks/{id}/complete"),
                "/v1/tasks/{id}/complete"
            )
        );
        assert_eq!(
            Operation::List("status=open".into()).request().1,
            "/v1/tasks?status=open"
        );
    }
}
