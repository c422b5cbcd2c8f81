use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::{HeaderValue, header, request::Parts};

use crate::Error;

/// The entity tag of a version.
pub(super) fn etag(version: i64) -> HeaderValue {
    // Digits and quotes are always a valid header.
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// The versions a caller is willing to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum IfMatch {
    /// Whichever it is.
    Any,
    /// One of these. A tag that is not ours, or weak, matches nothing.
    Versions(Vec<i64>),
}

impl IfMatch {
    fn parse<'a>(values: impl Iterator<Item = &'a HeaderValue>) -> Self {
        let mut versions = None;
        for value in values {
            let tags = value.to_str().unwrap_or_default();
            for tag in tags.split(',').map(str::trim) {
                if tag == "*" {
                    return Self::Any;
                }
                let version = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
                let versions: &mut Vec<i64> = versions.get_or_insert_default();
                versions.extend(version.and_then(|version| version.parse::<i64>().ok()));
            }
        }
        versions.map_or(Self::Any, Self::Versions)
    }

    /// From a body, where it is one text.
    pub(super) fn of(tags: Option<&str>) -> Self {
        // What cannot be a header matches nothing, as a tag that is not ours.
        let value =
            tags.map(|tags| HeaderValue::from_str(tags).unwrap_or(HeaderValue::from_static("")));
        Self::parse(value.iter())
    }

    pub(super) fn check(&self, version: i64) -> Result<(), Error> {
        match self {
            Self::Any => Ok(()),
            Self::Versions(versions) if versions.contains(&version) => Ok(()),
            Self::Versions(_) => Err(Error::Changed),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.headers.get_all(header::IF_MATCH).iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(headers: &[&'static str], version: i64) -> bool {
        let headers: Vec<_> = headers
            .iter()
            .map(|text| HeaderValue::from_static(text))
            .collect();
        IfMatch::parse(headers.iter()).check(version).is_ok()
    }

    #[test]
    fn matches_strongly_and_only_if_given() {
        assert!(matches(&[], 3) && matches(&["*"], 3));
        assert!(matches(&["\"2\", \"3\""], 3) && matches(&["\"2\"", "\"3\""], 3));
        assert!(!matches(&["\"2\""], 3) && !matches(&["W/\"3\""], 3));
        assert!(!matches(&["3"], 3) && !matches(&["\"abc\""], 3) && !matches(&[""], 3));
    }

    #[test]
    fn a_body_names_versions_as_a_header_does() {
        assert_eq!(IfMatch::of(None), IfMatch::Any);
        assert_eq!(IfMatch::of(Some("\"3\"")), IfMatch::Versions(vec![3]));
        assert!(IfMatch::of(Some("\n")).check(3).is_err());
    }

    #[test]
    fn an_etag_matches_itself() {
        let tag = etag(7);
        assert!(IfMatch::parse([&tag].into_iter()).check(7).is_ok());
    }
}
