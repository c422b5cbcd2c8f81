use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};

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
    fn parse(headers: &HeaderMap) -> Self {
        match Tags::read(headers, &header::IF_MATCH) {
            Tags::Absent | Tags::Any => Self::Any,
            Tags::These(tags) => {
                Self::Versions(tags.iter().filter_map(|tag| strong(tag)).collect())
            }
        }
    }

    /// From a body, where it is one text.
    pub(super) fn of(tags: Option<&str>) -> Self {
        // What cannot be a header matches nothing, as a tag that is not ours.
        let value =
            tags.map(|tags| HeaderValue::from_str(tags).unwrap_or(HeaderValue::from_static("")));
        Self::parse(
            &value
                .map(|value| (header::IF_MATCH, value))
                .into_iter()
                .collect(),
        )
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
        Ok(Self::parse(&parts.headers))
    }
}

/// The versions a caller has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum IfNoneMatch {
    /// Whichever it is.
    Any,
    /// These. Weak tags count too: what is answered is the same.
    Versions(Vec<i64>),
}

impl IfNoneMatch {
    fn parse(headers: &HeaderMap) -> Self {
        match Tags::read(headers, &header::IF_NONE_MATCH) {
            Tags::Absent => Self::Versions(Vec::new()),
            Tags::Any => Self::Any,
            Tags::These(tags) => Self::Versions(
                tags.iter()
                    .filter_map(|tag| strong(tag.strip_prefix("W/").unwrap_or(tag)))
                    .collect(),
            ),
        }
    }

    /// Whether this version need not be sent again.
    pub(super) fn names(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(&parts.headers))
    }
}

/// The entity tags of a header.
enum Tags<'a> {
    Absent,
    Any,
    These(Vec<&'a str>),
}

impl<'a> Tags<'a> {
    fn read(headers: &'a HeaderMap, name: &HeaderName) -> Self {
        let mut these = None;
        for value in headers.get_all(name) {
            let tags: &mut Vec<&str> = these.get_or_insert_default();
            // Ours have no commas in them.
            tags.extend(value.to_str().unwrap_or_default().split(',').map(str::trim));
        }
        match these {
            None => Self::Absent,
            Some(tags) if tags.contains(&"*") => Self::Any,
            Some(tags) => Self::These(tags),
        }
    }
}

/// The version of a strong tag of ours.
fn strong(tag: &str) -> Option<i64> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        values
            .iter()
            .map(|text| (name.clone(), HeaderValue::from_static(text)))
            .collect()
    }

    fn matches(values: &[&'static str], version: i64) -> bool {
        let headers = headers(&header::IF_MATCH, values);
        IfMatch::parse(&headers).check(version).is_ok()
    }

    fn known(values: &[&'static str], version: i64) -> bool {
        IfNoneMatch::parse(&headers(&header::IF_NONE_MATCH, values)).names(version)
    }

    #[test]
    fn matches_strongly_and_only_if_given() {
        assert!(matches(&[], 3) && matches(&["*"], 3));
        assert!(matches(&["\"2\", \"3\""], 3) && matches(&["\"2\"", "\"3\""], 3));
        assert!(!matches(&["\"2\""], 3) && !matches(&["W/\"3\""], 3));
        assert!(!matches(&["3"], 3) && !matches(&["\"abc\""], 3) && !matches(&[""], 3));
    }

    #[test]
    fn is_known_weakly_and_only_if_given() {
        assert!(known(&["*"], 3) && known(&["\"3\""], 3) && known(&["W/\"3\""], 3));
        assert!(known(&["\"2\", W/\"3\""], 3) && known(&["\"2\"", "\"3\""], 3));
        assert!(!known(&[], 3) && !known(&["\"2\""], 3) && !known(&["3"], 3) && !known(&[""], 3));
    }

    #[test]
    fn a_body_names_versions_as_a_header_does() {
        assert_eq!(IfMatch::of(None), IfMatch::Any);
        assert_eq!(IfMatch::of(Some("\"3\"")), IfMatch::Versions(vec![3]));
        assert!(IfMatch::of(Some("\n")).check(3).is_err());
    }

    #[test]
    fn an_etag_matches_itself() {
        let headers: HeaderMap = [(header::IF_MATCH, etag(7))].into_iter().collect();
        assert!(IfMatch::parse(&headers).check(7).is_ok());
    }
}
