use std::{fmt, sync::Arc};

/// Secrets that stand in this repository for everyone to read. They are fine
/// for a demo on one's own machine, and refused anywhere else.
const PUBLISHED: &[&str] = &[
    "changeme",
    "glasshouse",
    "glasshouse-demo",
    "glasshouse-dev",
    "password",
    "postgres",
    "secret",
];

/// A value that must not be printed: `Debug` and `Display` hide it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: &str) -> Self {
        Self(value.into())
    }

    /// The secret itself: for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether this is a default that everyone knows, either as the whole
    /// value or as the password inside a URL.
    pub(crate) fn is_published(&self) -> bool {
        PUBLISHED.contains(&&*self.0)
            || password(&self.0).is_some_and(|password| PUBLISHED.contains(&password))
    }
}

/// `scheme://user:password@host` → `password`.
fn password(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1;
    let userinfo = authority.split(['/', '?', '#']).next()?.rsplit_once('@')?.0;
    Some(userinfo.split_once(':')?.1)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_itself() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "[secret] [secret]");
    }

    #[test]
    fn knows_published_defaults_also_inside_urls() {
        for published in ["changeme", "postgres://todo:glasshouse@db/todo?x=1"] {
            assert!(Secret::new(published).is_published(), "{published}");
        }
        for private in ["c5e8…", "postgres://todo:c5e8@glasshouse/password", "x://y"] {
            assert!(!Secret::new(private).is_published(), "{private}");
        }
    }
}
