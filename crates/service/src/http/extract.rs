use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header, request::Parts};
use serde::{
    Serialize,
    de::{DeserializeOwned, IgnoredAny},
};

use crate::problem::{FieldError, Problem};

/// A body as it was sent, within the limit. What cannot be read is answered with
/// a problem.
#[derive(Clone, Debug)]
pub struct Body(pub Bytes);

/// A JSON body, in and out; what comes in is an object. What cannot be read is answered with a problem
/// that names the field.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// The query string. What cannot be read is answered with a problem.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

/// The variable parts of the path. What cannot be read is no path of ours.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Bytes::from_request(request, state).await {
            Ok(body) => Ok(Self(body)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "body_too_large",
                    "The body is too large",
                ))
            }
            Err(_) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "body_unreadable",
                "The body could not be read",
            )),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body must be JSON",
            )
            .detail("Send Content-Type: application/json"));
        }
        let Body(body) = Body::from_request(request, state).await?;
        read_json(&body).map(Json)
    }
}

/// Reads a JSON object, as [`Json`] does.
///
/// # Errors
/// A problem that names the field, or says that this is no JSON.
pub fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // A derived struct would also be read from an array, by position.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(match serde_json::from_slice::<IgnoredAny>(body) {
            Ok(_) => Problem::invalid(vec![FieldError::new(
                "",
                "wrong_type",
                "must be a JSON object",
            )]),
            Err(error) => malformed(&error),
        });
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            misfit(path, &inner)
        } else {
            malformed(&inner)
        }
    })?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed_json",
        "The body is not JSON",
    )
    .detail(format!(
        "at line {} column {}",
        error.line(),
        error.column()
    ))
}

/// Well-formed JSON that is not what was asked for.
fn misfit(path: String, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    // "… at line 1 column 2" helps nobody who has the field's name.
    let message = text.split(" at line ").next().unwrap_or_default();
    let code = if message.starts_with("unknown field") {
        "unknown_field"
    } else if message.starts_with("missing field") {
        "required"
    } else {
        "wrong_type"
    };
    let named = message.split('`').nth(1).filter(|_| code != "wrong_type");
    let field = match (path.as_str(), named) {
        (".", Some(name)) => name.to_owned(),
        (".", None) => String::new(),
        (path, Some(name)) if code == "required" => format!("{path}.{name}"),
        (path, _) => path.to_owned(),
    };
    Problem::invalid(vec![FieldError::new(field, code, message)])
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return false;
    };
    let essence = value
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    essence.eq_ignore_ascii_case("application/json")
        || essence.eq_ignore_ascii_case("application/merge-patch+json")
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text = rejection.body_text();
                let message = text.rsplit(": ").next().unwrap_or_default();
                let code = if message.starts_with("unknown field") {
                    "unknown_field"
                } else {
                    "wrong_type"
                };
                let field = message.split('`').nth(1).unwrap_or_default();
                Err(Problem::invalid(vec![FieldError::new(
                    field, code, message,
                )]))
            }
        }
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(Problem::not_found("There is nothing at this path")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is looked at")]
    struct Body {
        title: String,
        #[serde(default)]
        tags: Vec<String>,
    }

    fn refusal(text: &str) -> (u16, &'static str, String) {
        let problem = read_json::<Body>(text.as_bytes()).unwrap_err();
        let error = problem.errors.first();
        let code = error.map_or(problem.code, |error| error.code);
        let field = error.map(|error| error.field.clone()).unwrap_or_default();
        (problem.status.as_u16(), code, field)
    }

    #[test]
    fn names_the_field_at_fault() {
        assert_eq!(
            refusal(r#"{"title": 1}"#),
            (422, "wrong_type", "title".into())
        );
        assert_eq!(
            refusal(r#"{"title": "a", "tags": ["x", 2]}"#),
            (422, "wrong_type", "tags[1]".into())
        );
        assert_eq!(
            refusal(r#"{"title": "a", "nope": 2}"#),
            (422, "unknown_field", "nope".into())
        );
        assert_eq!(refusal("{}"), (422, "required", "title".into()));
        for text in ["[]", r#"["a"]"#, "null", "1"] {
            assert_eq!(refusal(text).0, 422, "{text}");
        }
    }

    #[test]
    fn tells_broken_json_from_wrong_json() {
        for text in ["", "{", r#"{"title": "a"} x"#, "nul"] {
            assert_eq!(
                refusal(text),
                (400, "malformed_json", String::new()),
                "{text}"
            );
        }
    }

    #[test]
    fn only_json_is_json() {
        let headers = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
            headers
        };
        assert!(is_json(&headers("application/json; charset=utf-8")));
        assert!(!is_json(&headers("text/plain")));
        assert!(!is_json(&HeaderMap::new()));
    }
}
