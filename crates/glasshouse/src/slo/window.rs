//! Spans of time, as Prometheus writes them.

use std::fmt;

use anyhow::{Context, Result};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

use super::Preset;

/// A span of time in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window(pub(super) u64);

impl Window {
    pub(super) const fn seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    pub(super) const fn minutes(minutes: u64) -> Self {
        Self(minutes * 60)
    }

    pub(super) const fn hours(hours: u64) -> Self {
        Self::minutes(hours * 60)
    }

    pub(super) const fn days(days: u64) -> Self {
        Self::hours(days * 24)
    }

    /// In the time of the preset: in a workshop an hour is two minutes.
    pub(super) fn scaled(self, preset: Preset) -> Self {
        match preset {
            Preset::Standard => self,
            Preset::Workshop => Self(self.0 / 30),
        }
    }
}

/// A workshop's form of a duration as Prometheus and Alertmanager write it: a
/// thirtieth, and a second at least.
///
/// # Errors
/// When it is none.
pub fn shorten(duration: &mut Value) -> Result<()> {
    let seconds = duration.as_str().and_then(|text| {
        let unit = match text.chars().next_back()? {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        let number: u64 = text[..text.len() - 1].parse().ok()?;
        number.checked_mul(unit)
    });
    let seconds = seconds.with_context(|| format!("{duration} is no duration as 5m"))?;
    let Window(scaled) = Window(seconds).scaled(Preset::Workshop);
    *duration = Window(scaled.max(1)).to_string().into();
    Ok(())
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, unit) = match self.0 {
            seconds if seconds % 86_400 == 0 => (seconds / 86_400, 'd'),
            seconds if seconds % 3600 == 0 => (seconds / 3600, 'h'),
            seconds if seconds % 60 == 0 => (seconds / 60, 'm'),
            seconds => (seconds, 's'),
        };
        write!(f, "{number}{unit}")
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
        days.map(Self::days)
            .ok_or_else(|| D::Error::custom(format!("{text:?}: a window is in days, as 30d")))
    }
}
