//! A request in the bytes that go.

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method};

/// Appends the head of a request to `out`; its body, of `length` bytes, comes after
/// it. The host and the length are said here, whatever `headers` has of them.
pub(crate) fn head(
    out: &mut Vec<u8>,
    method: &Method,
    path: &str,
    host: &HeaderValue,
    headers: &HeaderMap,
    length: usize,
) {
    out.reserve(512);
    for part in [method.as_str(), " ", path, " HTTP/1.1\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    field(out, HOST.as_str(), host.as_bytes());
    for (name, value) in headers {
        if ![HOST, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name) {
            field(out, name.as_str(), value.as_bytes());
        }
    }
    // As RFC 9110 (8.6) has it: also an empty body, where the method has a meaning
    // for one.
    if length > 0 || matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        field(out, CONTENT_LENGTH.as_str(), length.to_string().as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}
