//! Durations, rates and shares as people write them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rand::{Rng, RngExt};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use crate::arrivals::Shape;

/// The longest that is believed.
const LONGEST: Duration = Duration::from_hours(24 * 7);

/// A duration: `250ms`, `1.5s`, `2m`, `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

impl Span {
    pub(crate) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no duration such as 250ms, 1.5s, 2m or 1h");
        let text = text.trim();
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == 'µ');
        let unit = match &text[digits.len()..] {
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        let number: f64 = digits.trim().parse().map_err(|_| wrong())?;
        let span = Duration::try_from_secs_f64(number * unit).map_err(|_| wrong())?;
        if span > LONGEST {
            return Err(format!("{text:?} is longer than a week"));
        }
        Ok(Self(span))
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A duration: 250ms, 1.5s, 2m, 1h",
            "pattern": r"^\s*[0-9.]+\s*(us|µs|ms|s|m|h)\s*$"
        })
    }
}

/// A pause: `1s`, or `500ms - 3s` for any time between, each as likely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pause {
    least: Duration,
    most: Duration,
}

impl Pause {
    pub(crate) fn most(&self) -> Duration {
        self.most
    }

    pub(crate) fn draw(&self, random: &mut impl Rng) -> Duration {
        self.least + (self.most - self.least).mul_f64(random.random_range(0.0..=1.0))
    }
}

impl TryFrom<String> for Pause {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (least, most) = match text.split_once('-') {
            Some((least, most)) => (least.parse::<Span>()?.0, most.parse::<Span>()?.0),
            None => (text.parse::<Span>()?.0, text.parse::<Span>()?.0),
        };
        if least > most {
            return Err(format!("{text:?} ends before it begins"));
        }
        Ok(Self { least, most })
    }
}

impl JsonSchema for Pause {
    fn schema_name() -> Cow<'static, str> {
        "Pause".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A pause: 1s, or 500ms - 3s for any time between"
        })
    }
}

/// Arrivals a second: a number, or a shape such as `ramp:1-50`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate(pub Shape);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl Visitor<'_> for Read {
            type Value = Rate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of arrivals a second, or a shape such as ramp:1-50")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Rate, E> {
                text.parse().map(Rate).map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Rate, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Rate, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Rate, E> {
                self.visit_str(&number.to_string())
            }
        }

        deserializer.deserialize_any(Read)
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["number", "string"],
            "description": "Journeys a second: 20, ramp:1-50, step:10,20,40, spike:10-200, sine:5-50x2"
        })
    }
}

/// A share of one, written as `2%`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Share(pub f64);

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let percent = text
            .strip_suffix('%')
            .and_then(|n| n.trim().parse::<f64>().ok());
        match percent {
            Some(percent) if (0.0..=100.0).contains(&percent) => Ok(Self(percent / 100.0)),
            _ => Err(format!("{text:?} is no share such as 2%")),
        }
    }
}

impl JsonSchema for Share {
    fn schema_name() -> Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "description": "A share: 2%", "pattern": r"^[0-9.]+ *%$"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_they_are_written() {
        let of = |text: &str| text.parse::<Span>().map(|span| span.0);
        assert_eq!(of("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(of("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(of("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(of("300us"), Ok(Duration::from_micros(300)));
        for wrong in ["5", "s", "-1s", "1d", "1000000h", "NaNs", ""] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        assert!(Pause::try_from("2s - 1s".to_owned()).is_err());
        assert_eq!(Share::try_from("2%".to_owned()).map(|s| s.0), Ok(0.02));
        assert!(Share::try_from("200%".to_owned()).is_err());
    }
}
