//! CloudEvents 1.0 in Kafka's binary content mode: attributes are headers
//! (`ce_id`, `ce_type`, …), the body is the data.

use chrono::{DateTime, SecondsFormat, Utc};
use rdkafka::message::{Header, Headers, OwnedHeaders};
use telemetry::Context;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::consumer::dead_letter::REDRIVEN_AT;

/// The only version of the specification that is spoken.
pub const SPEC_VERSION: &str = "1.0";
/// The only content type that is spoken.
pub const CONTENT_TYPE: &str = "application/json";

/// The attributes of an event, as its headers have them.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    /// Identity of the event: what the inbox knows it by.
    pub id: Uuid,
    /// Versioned type.
    pub event_type: &'a str,
    /// Who made it.
    pub source: &'a str,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// The span that published it. A message without one, or with one that
    /// cannot be read, is still an event: it starts a trace of its own.
    pub context: Option<Context>,
    /// Whether it was a dead letter and was sent back.
    pub redriven: bool,
}

/// Why headers are not those of an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A required attribute is not there.
    #[error("the header {0} is missing")]
    Missing(&'static str),
    /// A required attribute cannot be read.
    #[error("the header {0} cannot be read")]
    Malformed(&'static str),
    /// Another version of the specification.
    #[error("CloudEvents version {0:?} is not spoken here")]
    SpecVersion(String),
    /// Data that is not JSON.
    #[error("content type {0:?} is not spoken here")]
    ContentType(String),
}

impl HeaderError {
    /// A bounded name: the dead letter's cause and the metric's label.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing_header",
            Self::Malformed(_) => "malformed_header",
            Self::SpecVersion(_) | Self::ContentType(_) => "unsupported_version",
        }
    }
}

/// Writes headers. The producer adds `traceparent`, that of the span it makes.
pub fn write(id: Uuid, event_type: &str, source: &str, time: DateTime<Utc>) -> OwnedHeaders {
    let mut buffer = [0; Hyphenated::LENGTH];
    let id: &str = id.hyphenated().encode_lower(&mut buffer);
    let time = time.to_rfc3339_opts(SecondsFormat::Micros, true);
    [
        ("ce_specversion", SPEC_VERSION),
        ("ce_id", id),
        ("ce_type", event_type),
        ("ce_source", source),
        ("ce_time", &time),
        ("content-type", CONTENT_TYPE),
    ]
    .into_iter()
    .fold(
        OwnedHeaders::new_with_capacity(7),
        |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: Some(value),
            })
        },
    )
}

/// Reads headers. Names are compared without regard to case, and of several
/// headers with one name the last counts, as other implementations do.
pub fn read<H: Headers>(headers: Option<&H>) -> Result<Attributes<'_>, HeaderError> {
    let mut found = Found::default();
    for header in headers.into_iter().flat_map(|headers| headers.iter()) {
        found.take(header.key, header.value);
    }

    let version = text("ce_specversion", found.specversion)?;
    if version != SPEC_VERSION {
        return Err(HeaderError::SpecVersion(shortened(version)));
    }
    if let Some(value) = found.content_type {
        let value = text("content-type", Some(value))?;
        let essence = value.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case(CONTENT_TYPE) {
            return Err(HeaderError::ContentType(shortened(value)));
        }
    }
    let id = text("ce_id", found.id)?;
    let time = text("ce_time", found.time)?;
    Ok(Attributes {
        id: Uuid::try_parse(id).map_err(|_| HeaderError::Malformed("ce_id"))?,
        event_type: text("ce_type", found.event_type)?,
        source: text("ce_source", found.source)?,
        time: DateTime::parse_from_rfc3339(time)
            .map_err(|_| HeaderError::Malformed("ce_time"))?
            .with_timezone(&Utc),
        context: context(found.traceparent),
        redriven: found.redriven_at.is_some(),
    })
}

/// The publisher's context alone, for a message whose attributes cannot be read.
pub fn read_context<H: Headers>(headers: Option<&H>) -> Option<Context> {
    context(last(headers, "traceparent"))
}

/// The versioned type alone, of headers that [`read`] has found to be in order.
pub(crate) fn event_type<H: Headers>(headers: Option<&H>) -> Option<&str> {
    std::str::from_utf8(last(headers, "ce_type")?).ok()
}

fn last<'a, H: Headers>(headers: Option<&'a H>, name: &str) -> Option<&'a [u8]> {
    let named = |header: &Header<'_, &[u8]>| header.key.eq_ignore_ascii_case(name);
    headers?.iter().filter(named).last()?.value
}

#[derive(Default)]
struct Found<'a> {
    specversion: Option<&'a [u8]>,
    id: Option<&'a [u8]>,
    event_type: Option<&'a [u8]>,
    source: Option<&'a [u8]>,
    time: Option<&'a [u8]>,
    content_type: Option<&'a [u8]>,
    traceparent: Option<&'a [u8]>,
    redriven_at: Option<&'a [u8]>,
}

impl<'a> Found<'a> {
    fn take(&mut self, key: &str, value: Option<&'a [u8]>) {
        let slots = [
            ("ce_specversion", &mut self.specversion),
            ("ce_id", &mut self.id),
            ("ce_type", &mut self.event_type),
            ("ce_source", &mut self.source),
            ("ce_time", &mut self.time),
            ("content-type", &mut self.content_type),
            ("traceparent", &mut self.traceparent),
            (REDRIVEN_AT, &mut self.redriven_at),
        ];
        for (name, slot) in slots {
            if key.eq_ignore_ascii_case(name) {
                *slot = value;
                return;
            }
        }
    }
}

fn context(value: Option<&[u8]>) -> Option<Context> {
    Context::parse(std::str::from_utf8(value?).ok()?)
}

fn text<'a>(name: &'static str, value: Option<&'a [u8]>) -> Result<&'a str, HeaderError> {
    let text = std::str::from_utf8(value.ok_or(HeaderError::Missing(name))?)
        .map_err(|_| HeaderError::Malformed(name))?;
    // No attribute may be empty, and none of ours is longer than a few dozen
    // characters: a stranger's kilobytes shall not travel into logs and tables.
    match text.len() {
        1..=256 => Ok(text),
        _ => Err(HeaderError::Malformed(name)),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
#[path = "cloudevents_tests.rs"]
mod tests;
