//! Errors as RFC 9457 problem documents.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Serialize, Serializer};

/// One field of the request that will not do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where it is: `title`, `tags[2]`.
    pub field: String,
    /// What is wrong with it, for programs: `too_long`.
    pub code: &'static str,
    /// What is wrong with it, for people.
    pub message: String,
}

impl FieldError {
    /// An error of the given field.
    pub fn new(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            code,
            message: message.into(),
        }
    }
}

/// An error as the caller sees it.
///
/// `code` comes from a small fixed set for each service: programs match on it,
/// and it may be a metric label.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// What went wrong, for programs.
    pub code: &'static str,
    /// What went wrong in general, for people. The same for every problem with
    /// this code.
    pub title: &'static str,
    /// What went wrong this time. Empty if there is nothing more to say.
    pub detail: String,
    /// The fields at fault, all of them.
    pub errors: Vec<FieldError>,
    /// Seconds after which it is worth trying again.
    pub retry_after: Option<u32>,
    /// The challenge of a 401.
    pub authenticate: Option<&'static str>,
}

impl Problem {
    /// A problem without particulars.
    pub fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self {
            status,
            code,
            title,
            detail: String::new(),
            errors: Vec::new(),
            retry_after: None,
            authenticate: None,
        }
    }

    /// Says what went wrong this time.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Names the fields at fault.
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// Says when to try again.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Fields that are well-formed and still will not do.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let count = errors.len();
        let plural = if count == 1 { "" } else { "s" };
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation_failed",
            "The request is not valid",
        )
        .detail(format!("{count} field{plural} will not do"))
        .errors(errors)
    }

    /// Nothing is here, or nothing the caller may see.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found").detail(detail)
    }

    /// Our fault. The cause is in the log, under the request id.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "Something went wrong on our side",
        )
        .detail("The error was logged under this request id")
    }

    /// A dependency is away: nothing was done.
    pub fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            code,
            "The service cannot do this right now",
        )
        .detail(detail)
        .retry_after(1)
    }

    /// A call without a valid token.
    pub fn unauthorized(code: &'static str, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(
            StatusCode::UNAUTHORIZED,
            code,
            "A valid bearer token is required",
        )
        .detail(detail);
        problem.authenticate = Some(if code == "token_missing" {
            "Bearer"
        } else {
            r#"Bearer error="invalid_token""#
        });
        problem
    }
}

/// As the document that is sent.
impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let context = telemetry::current();
        let document = Document {
            r#type: format!("urn:glasshouse:problem:{}", self.code),
            title: self.title,
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            errors: &self.errors,
            request_id: context.as_ref().and_then(telemetry::Context::request_id),
            trace_id: context.as_ref().map(telemetry::Context::trace_id),
        };
        document.serialize(serializer)
    }
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // Strings and numbers always serialize.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(challenge) = self.authenticate {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(challenge),
            );
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::{Value, json};

    use super::*;

    async fn body(response: Response) -> Value {
        serde_json::from_slice(&to_bytes(response.into_body(), 4096).await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn renders_every_field_error() {
        let response = Problem::invalid(vec![
            FieldError::new("title", "required", "is required"),
            FieldError::new("tags[1]", "too_long", "is too long"),
        ])
        .into_response();
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let body = body(response).await;
        assert_eq!(body["code"], "validation_failed");
        assert_eq!(body["detail"], "2 fields will not do");
        assert_eq!(
            body["errors"][1],
            json!({"field": "tags[1]", "code": "too_long", "message": "is too long"})
        );
    }

    #[tokio::test]
    async fn tells_when_to_retry_and_how_to_authenticate() {
        let response = Problem::unavailable("overloaded", "").into_response();
        assert_eq!(response.headers()["retry-after"], "1");
        let response = Problem::unauthorized("token_missing", "").into_response();
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert!(body(response).await.get("errors").is_none());
    }
}
