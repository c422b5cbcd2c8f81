//! Takes values out of an answer.

use std::collections::BTreeMap;

use http::HeaderMap;
use serde_json::Value;

use crate::scenario::Capture;

/// The values, or the name of the first that is not there.
pub(crate) fn take(
    captures: &BTreeMap<String, Capture>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Vec<(String, String)>, String> {
    let mut json = None;
    let mut found = |capture: &Capture| {
        if let Some(header) = &capture.header {
            return Some(headers.get(header)?.to_str().ok()?.to_owned());
        }
        if let Some(pattern) = &capture.regex {
            let text = String::from_utf8_lossy(body);
            let groups = pattern.0.captures(&text)?;
            return Some(groups.get(1).or(groups.get(0))?.as_str().to_owned());
        }
        let pointer = capture.json.as_ref()?;
        let read = || serde_json::from_slice(body).unwrap_or(Value::Null);
        match json.get_or_insert_with(read).pointer(pointer)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    };
    captures
        .iter()
        .map(|(name, capture)| match found(capture) {
            Some(value) => Ok((name.clone(), value)),
            None => Err(name.clone()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_come_from_the_body_the_headers_or_a_pattern() {
        let captures: BTreeMap<String, Capture> = serde_json::from_value(json!({
            "id": {"json": "/task/id"},
            "version": {"json": "/task/version"},
            "tag": {"header": "etag"},
            "digits": {"regex": "id\":\"t-([0-9]+)"},
        }))
        .unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("etag", "\"1\"".parse().unwrap());
        let body = br#"{"task":{"id":"t-42","version":7,"gone":null}}"#;
        let found = take(&captures, &headers, body).unwrap();
        let expected = [
            ("digits", "42"),
            ("id", "t-42"),
            ("tag", "\"1\""),
            ("version", "7"),
        ];
        assert_eq!(
            found,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );

        let missing: BTreeMap<String, Capture> =
            serde_json::from_value(json!({"x": {"json": "/task/gone"}})).unwrap();
        assert_eq!(take(&missing, &headers, body), Err("x".to_owned()));
        assert_eq!(take(&missing, &headers, b"not json"), Err("x".to_owned()));
    }
}
