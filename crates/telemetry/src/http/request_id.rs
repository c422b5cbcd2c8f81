//! `X-Request-ID`: kept if the caller sent a valid one, else made.

use ::http::{HeaderMap, HeaderName, HeaderValue};

use crate::trace::RequestId;

/// The header's name.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The caller's request id if it is 1 to 64 of letters, digits, `.`, `_`, `-`;
/// otherwise a new UUID.
pub(super) fn accept_or_make(headers: &HeaderMap) -> RequestId {
    headers
        .get(&X_REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| is_valid(id))
        .and_then(RequestId::new)
        .unwrap_or_else(make)
}

fn is_valid(id: &str) -> bool {
    !id.is_empty()
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn make() -> RequestId {
    let mut text = uuid::Uuid::encode_buffer();
    // Not `new_v4`, which asks the kernel each time.
    let id = uuid::Builder::from_random_bytes(rand::random()).into_uuid();
    RequestId::new(id.hyphenated().encode_lower(&mut text)).unwrap_or(RequestId::NONE)
}

impl RequestId {
    /// As a header's value.
    pub(super) fn header(&self) -> HeaderValue {
        // Whatever became a request id is fit for a header.
        HeaderValue::from_str(self.as_str()).unwrap_or(HeaderValue::from_static("unknown"))
    }
}

#[cfg(test)]
mod tests {
    use super::{RequestId, X_REQUEST_ID, accept_or_make};
    use ::http::{HeaderMap, HeaderValue};

    #[test]
    fn a_valid_id_is_kept_and_others_are_replaced() {
        let with = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, HeaderValue::from_static(value));
            accept_or_make(&headers).as_str().to_owned()
        };
        assert_eq!(with("abc-1.2_3"), "abc-1.2_3");
        assert_ne!(with("has space"), "has space");
        assert_eq!(with("\"quote").len(), 36);
        let longest = "x".repeat(RequestId::MAX_LENGTH);
        assert_eq!(with(longest.clone().leak()), longest);
        assert_ne!(with((longest.clone() + "x").leak()), longest + "x");
        assert_eq!(accept_or_make(&HeaderMap::new()).as_str().len(), 36);
    }
}
