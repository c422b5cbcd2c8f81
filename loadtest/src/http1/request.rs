//! A request in the bytes that go.

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method};

/// Appends the request to `out`: one write sends it. The host and the body's length
/// are said here, whatever `headers` has of them.
pub(crate) fn write(
    out: &mut Vec<u8>,
    method: &Method,
    path: &str,
    host: &HeaderValue,
    headers: &HeaderMap,
    body: &[u8],
) {
    out.reserve(256 + body.len());
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
    if !body.is_empty() || matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        field(
            out,
            CONTENT_LENGTH.as_str(),
            body.len().to_string().as_bytes(),
        );
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
}

fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}
