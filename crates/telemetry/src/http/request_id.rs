//! `X-Request-ID`: kept if the caller sent a valid one, else made.

use ::http::{HeaderMap, HeaderName, HeaderValue};

/// The header's name.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const MAX_LENGTH: usize = 64;

/// The caller's request id if it is 1 to 64 of letters, digits, `.`, `_`, `-`;
/// otherwise a new UUID.
pub(super) fn accept_or_make(headers: &HeaderMap) -> HeaderValue {
    headers
        .get(&X_REQUEST_ID)
        .filter(|value| is_valid(value.as_bytes()))
        .cloned()
        .unwrap_or_else(make)
}

fn is_valid(id: &[u8]) -> bool {
    (1..=MAX_LENGTH).contains(&id.len())
        && id
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn make() -> HeaderValue {
    let mut text = uuid::Uuid::encode_buffer();
    let text = uuid::Uuid::new_v4().hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown"))
}

#[cfg(test)]
mod tests {
    use super::{X_REQUEST_ID, accept_or_make};
    use ::http::{HeaderMap, HeaderValue};

    #[test]
    fn a_valid_id_is_kept_and_others_are_replaced() {
        let with = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, HeaderValue::from_static(value));
            accept_or_make(&headers)
        };
        assert_eq!(with("abc-1.2_3"), "abc-1.2_3");
        assert_ne!(with("has space"), "has space");
        assert_eq!(with("\"quote").len(), 36);
        assert_eq!(accept_or_make(&HeaderMap::new()).len(), 36);
    }
}
