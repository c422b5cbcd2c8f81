use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use service::problem::Problem;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The name of the header.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

const LONGEST: usize = 255;

/// A caller's name for one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key(String);

impl Key {
    /// The key of the request, if it has one.
    pub(super) fn read(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        match (Self::parse(value), values.next()) {
            (Some(key), None) => Ok(Some(key)),
            _ => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "idempotency_key_malformed",
                "The Idempotency-Key is malformed",
            )
            .detail(
                "Send one string of 1 to 255 visible ASCII characters, in quotes: \"8e03978e-40d5\"",
            )),
        }
    }

    /// A string of RFC 9651, or, as many clients send it, the same without
    /// quotes if nothing in it needs them.
    fn parse(value: &HeaderValue) -> Option<Self> {
        let text = value.to_str().ok()?.trim();
        let key = match text.strip_prefix('"') {
            Some(rest) => unquote(rest.strip_suffix('"')?)?,
            None => text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte))
                .then(|| text.to_owned())?,
        };
        (1..=LONGEST).contains(&key.len()).then_some(Self(key))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

fn unquote(text: &str) -> Option<String> {
    let mut key = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => key.push(
                characters
                    .next()
                    .filter(|next| matches!(next, '"' | '\\'))?,
            ),
            '"' => return None,
            ' '..='~' => key.push(character),
            _ => return None,
        }
    }
    Some(key)
}

/// Whose key it is, and for what.
pub(super) struct Scope {
    pub(super) user_id: Uuid,
    /// Method and route.
    pub(super) operation: String,
    pub(super) key: Key,
}

impl Scope {
    /// The number of the advisory lock that the request holds while it runs.
    pub(super) fn lock(&self) -> i64 {
        let digest = digest([
            self.user_id.as_bytes().as_slice(),
            self.operation.as_bytes(),
            self.key.as_str().as_bytes(),
        ]);
        let [a, b, c, d, e, f, g, h, ..] = digest;
        i64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// What the request asks for: another one under the same key is a mistake.
pub(super) fn fingerprint(parts: &Parts, body: &[u8]) -> [u8; 32] {
    let target = parts
        .uri
        .path_and_query()
        .map_or("", |target| target.as_str());
    let headers = [header::CONTENT_TYPE, header::IF_MATCH];
    let values = headers.iter().flat_map(|name| {
        parts
            .headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
    });
    digest([target.as_bytes(), body].into_iter().chain(values))
}

/// Each part with its length, so that no two lists of parts run together.
fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn read(values: &[&'static str]) -> Option<Option<String>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_static(value));
        }
        let key = Key::read(&headers).ok()?;
        Some(key.map(|Key(text)| text))
    }

    #[test]
    fn a_key_is_a_string_with_or_without_quotes() {
        assert_eq!(read(&[]), Some(None));
        for (value, key) in [
            ("\"8e03978e-40d5\"", "8e03978e-40d5"),
            ("8e03978e-40d5", "8e03978e-40d5"),
            (r#""a \"b\" \\ c""#, r#"a "b" \ c"#),
        ] {
            assert_eq!(read(&[value]), Some(Some(key.to_owned())), "{value}");
        }
    }

    #[test]
    fn anything_else_is_malformed() {
        for value in [
            "",
            "\"\"",
            "\"",
            "\"a",
            "a b",
            "a,b",
            "\"a\";b=1",
            r#""\a""#,
            r#""a"b""#,
        ] {
            assert_eq!(read(&[value]), None, "{value}");
        }
        assert_eq!(read(&["a", "a"]), None);
        let long: &'static str = String::leak("a".repeat(256));
        assert_eq!(read(&[long]), None);
        assert!(read(&[&long[1..]]).is_some());
    }

    #[test]
    fn the_fingerprint_tells_requests_apart() {
        let of = |path: &str, version: &str, body: &str| {
            let request = Request::post(path)
                .header("if-match", version)
                .body(())
                .unwrap();
            fingerprint(&request.into_parts().0, body.as_bytes())
        };
        let one = of("/v1/tasks", "\"1\"", "{}");
        assert_eq!(one, of("/v1/tasks", "\"1\"", "{}"));
        for other in [
            of("/v1/tasks?a", "\"1\"", "{}"),
            of("/v1/tasks", "\"2\"", "{}"),
            of("/v1/tasks", "\"1\"", "{ }"),
        ] {
            assert_ne!(one, other);
        }
    }
}
