//! The files of the page, with the headers that keep it safe.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};
use service::problem::Problem;

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'; object-src 'none'";

#[derive(RustEmbed)]
#[folder = "web"]
#[include = "*.html"]
#[include = "*.js"]
#[include = "*.css"]
#[include = "*.svg"]
#[exclude = "test/*"]
struct Files;

/// Answers with a file of the page.
pub fn file(name: &str, request: &HeaderMap) -> Response {
    let Some(file) = Files::get(name) else {
        return Problem::not_found("There is no such file").into_response();
    };
    let tag = tag(&file);
    let mut response = if is_current(request, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(file.data.into_owned()).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    for (name, value) in [
        (header::CONTENT_TYPE, content_type(name)),
        // Asked for each time, sent only when it changed: a new version of the
        // gateway is seen at once.
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn tag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let hex: String = hash
        .iter()
        .take(12)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("\"{hex}\"")
}

fn is_current(request: &HeaderMap, tag: &str) -> bool {
    request
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value
                .split(',')
                .any(|known| known.trim().trim_start_matches("W/") == tag)
        })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_version_is_not_sent_again() {
        let first = file("index.html", &HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        assert!(
            first.headers()[header::CONTENT_SECURITY_POLICY]
                .to_str()
                .is_ok_and(|p| p.contains("'self'"))
        );
        let mut request = HeaderMap::new();
        request.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(
            file("index.html", &request).status(),
            StatusCode::NOT_MODIFIED
        );
    }

    #[test]
    fn only_the_page_s_own_files_are_served() {
        for name in [
            "",
            "nothing.js",
            "../Cargo.toml",
            "test/page.mjs",
            "test/package.json",
        ] {
            assert_eq!(
                file(name, &HeaderMap::new()).status(),
                StatusCode::NOT_FOUND,
                "{name}"
            );
        }
    }

    #[test]
    fn the_page_asks_nothing_of_anybody_else() {
        for name in Files::iter() {
            let file = Files::get(&name).expect("a file");
            let text = String::from_utf8_lossy(&file.data);
            let outside = text.replace("http://www.w3.org/", "");
            assert!(
                !outside.contains("http://") && !outside.contains("https://"),
                "{name}"
            );
            assert!(
                !text.contains("innerHTML") && !text.contains("style=\""),
                "{name}"
            );
        }
    }
}
