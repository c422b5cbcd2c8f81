//! Log levels, and the one that may change while the service runs.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Up to which level of detail is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Nothing.
    Off,
    /// ERROR and CRITICAL.
    Error,
    /// WARNING and above.
    Warning,
    /// INFO and above.
    #[default]
    Info,
    /// DEBUG and above.
    Debug,
}

impl Level {
    const ALL: [Self; 5] = [
        Self::Off,
        Self::Error,
        Self::Warning,
        Self::Info,
        Self::Debug,
    ];

    /// The level of a `tracing` event; TRACE counts as DEBUG's detail and is
    /// never logged.
    pub(crate) fn of(level: tracing::Level) -> Option<Self> {
        match level {
            tracing::Level::ERROR => Some(Self::Error),
            tracing::Level::WARN => Some(Self::Warning),
            tracing::Level::INFO => Some(Self::Info),
            tracing::Level::DEBUG => Some(Self::Debug),
            _ => None,
        }
    }

    /// The name in a log line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Error => "ERROR",
            Self::Warning => "WARNING",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.to_ascii_uppercase();
        let text = if text == "WARN" { "WARNING" } else { &text };
        Self::ALL
            .into_iter()
            .find(|level| level.name() == text)
            .ok_or_else(|| "expected off, error, warning, info or debug".to_owned())
    }
}

/// The present level, shared by the subscriber and the admin port.
#[derive(Clone, Debug)]
pub(crate) struct Levels(Arc<AtomicU8>);

impl Levels {
    pub(crate) fn new(level: Level) -> Self {
        Self(Arc::new(AtomicU8::new(level as u8)))
    }

    pub(crate) fn get(&self) -> Level {
        let present = self.0.load(Ordering::Relaxed);
        Level::ALL
            .into_iter()
            .find(|level| *level as u8 == present)
            .unwrap_or_default()
    }

    pub(crate) fn set(&self, level: Level) {
        self.0.store(level as u8, Ordering::Relaxed);
    }

    /// Whether events of `level` are logged now.
    pub(crate) fn allows(&self, level: Level) -> bool {
        level as u8 <= self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Level, Levels};

    #[test]
    fn names_are_read_in_any_case() {
        assert_eq!("Warn".parse(), Ok(Level::Warning));
        assert_eq!("debug".parse(), Ok(Level::Debug));
        assert!("loud".parse::<Level>().is_err());
    }

    #[test]
    fn a_level_allows_what_is_graver() {
        let levels = Levels::new(Level::Warning);
        assert!(levels.allows(Level::Error));
        assert!(!levels.allows(Level::Info));
        levels.set(Level::Debug);
        assert!(levels.allows(Level::Debug));
    }
}
