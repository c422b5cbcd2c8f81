use std::{net::SocketAddr, path::PathBuf, time::Duration};

use telemetry::Level;

use super::Secret;

/// A type that can be read from one environment variable.
pub trait Setting: Sized {
    /// Reads the value, or says in a few words what was expected.
    fn parse(text: &str) -> Result<Self, String>;

    /// Stands in for a required value that is missing or malformed, so that
    /// reading goes on and finds the other problems. The process exits before
    /// anything uses it.
    fn unset() -> Self;

    /// Whether this is a default that stands in the repository for everyone to
    /// read, and so is refused outside demo mode.
    fn is_published(&self) -> bool {
        false
    }
}

impl Setting for String {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn unset() -> Self {
        Self::new()
    }
}

impl Setting for Secret {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::new(text.trim_end_matches(['\r', '\n'])))
    }

    fn unset() -> Self {
        Self::new("")
    }

    fn is_published(&self) -> bool {
        Self::is_published(self)
    }
}

impl Setting for bool {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "true" | "1" | "yes" => Ok(true),
            "false" | "0" | "no" => Ok(false),
            _ => Err("expected true or false".to_owned()),
        }
    }

    fn unset() -> Self {
        false
    }
}

/// Seconds, with a fraction if need be: `0.5`.
impl Setting for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .ok()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|duration| *duration <= Duration::from_secs(86_400))
            .ok_or_else(|| "expected a number of seconds between 0 and 86400".to_owned())
    }

    fn unset() -> Self {
        Duration::ZERO
    }
}

impl Setting for SocketAddr {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| "expected address:port, as in 0.0.0.0:8001".to_owned())
    }

    fn unset() -> Self {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }
}

impl Setting for PathBuf {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }

    fn unset() -> Self {
        Self::new()
    }
}

impl Setting for Level {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn unset() -> Self {
        Self::default()
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl Setting for $number {
            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| {
                    format!("expected a number from {} to {}", <$number>::MIN, <$number>::MAX)
                })
            }

            fn unset() -> Self {
                Default::default()
            }
        }
    )+};
}

numbers!(u16, u32, u64, usize, i64, f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds() {
        assert_eq!(Duration::parse("0.5"), Ok(Duration::from_millis(500)));
        for text in ["", "-1", "NaN", "inf", "1e300", "ten"] {
            assert!(Duration::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn booleans_are_strict() {
        assert_eq!(bool::parse("true"), Ok(true));
        assert!(bool::parse("maybe").is_err());
    }
}
