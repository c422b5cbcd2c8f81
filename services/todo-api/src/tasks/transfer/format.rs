use http::{HeaderMap, HeaderValue, header};

use super::super::domain::Invalid;
use crate::Error;

/// How tasks are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// One JSON object a line.
    JsonLines,
    /// iCalendar (RFC 5545), a VTODO for each task.
    Calendar,
}

impl Format {
    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "jsonl" => Ok(Self::JsonLines),
            "ics" => Ok(Self::Calendar),
            _ => Err(Invalid {
                code: "unknown_value",
                message: "must be jsonl or ics".to_owned(),
            }),
        }
    }

    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::JsonLines => "application/x-ndjson",
            Self::Calendar => "text/calendar; charset=utf-8",
        })
    }

    pub(super) fn disposition(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::JsonLines => "attachment; filename=\"tasks.jsonl\"",
            Self::Calendar => "attachment; filename=\"tasks.ics\"",
        })
    }

    fn of_media_type(essence: &str) -> Option<Self> {
        match essence.trim().to_ascii_lowercase().as_str() {
            "application/x-ndjson" | "application/jsonl" | "application/json-lines" => {
                Some(Self::JsonLines)
            }
            "text/calendar" => Some(Self::Calendar),
            _ => None,
        }
    }

    /// What the client prefers, of what there is.
    pub(super) fn accepted(headers: &HeaderMap) -> Result<Self, Error> {
        let mut best: Option<(f32, Self)> = None;
        let mut asked = false;
        for value in headers.get_all(header::ACCEPT) {
            for range in value.to_str().unwrap_or_default().split(',') {
                asked |= !range.trim().is_empty();
                let (essence, parameters) = range.split_once(';').unwrap_or((range, ""));
                let format = match essence.trim() {
                    "*/*" | "application/*" => Some(Self::JsonLines),
                    "text/*" => Some(Self::Calendar),
                    essence => Self::of_media_type(essence),
                };
                let weight = weight(parameters);
                if let Some(format) = format
                    && weight > best.map_or(0.0, |(weight, _)| weight)
                {
                    best = Some((weight, format));
                }
            }
        }
        match best {
            Some((_, format)) => Ok(format),
            None if asked => Err(Error::NotAcceptable),
            None => Ok(Self::JsonLines),
        }
    }

    /// What the client says that it sends.
    pub(super) fn sent(headers: &HeaderMap) -> Result<Self, Error> {
        let value = headers.get(header::CONTENT_TYPE);
        let text = value.and_then(|value| value.to_str().ok());
        let essence = text.unwrap_or_default().split(';').next();
        essence
            .and_then(Self::of_media_type)
            .ok_or(Error::MediaType)
    }
}

fn weight(parameters: &str) -> f32 {
    let weight = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("q")
            .then_some(value.trim())
    });
    weight.map_or(1.0, |text| text.parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, values: &[&'static str]) -> HeaderMap {
        let pairs = values
            .iter()
            .map(|value| (name.clone(), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn the_client_chooses_what_it_gets() {
        let accepted =
            |values: &[&'static str]| Format::accepted(&headers(header::ACCEPT, values)).ok();
        assert_eq!(accepted(&[]), Some(Format::JsonLines));
        assert_eq!(accepted(&["*/*"]), Some(Format::JsonLines));
        assert_eq!(accepted(&["text/calendar"]), Some(Format::Calendar));
        assert_eq!(
            accepted(&["Text/Calendar; charset=utf-8"]),
            Some(Format::Calendar)
        );
        let both = "application/x-ndjson;q=0.5, text/calendar;q=0.9";
        assert_eq!(accepted(&[both]), Some(Format::Calendar));
        assert_eq!(
            accepted(&["text/html", "*/*;q=0.1"]),
            Some(Format::JsonLines)
        );
        assert_eq!(accepted(&["text/html"]), None);
        assert_eq!(accepted(&["text/calendar;q=0"]), None);
    }

    #[test]
    fn the_client_says_what_it_sends() {
        let sent =
            |values: &[&'static str]| Format::sent(&headers(header::CONTENT_TYPE, values)).ok();
        assert_eq!(sent(&["application/x-ndjson"]), Some(Format::JsonLines));
        assert_eq!(
            sent(&["text/calendar; charset=utf-8"]),
            Some(Format::Calendar)
        );
        assert_eq!(sent(&["text/plain"]), None);
        assert_eq!(sent(&[]), None);
    }
}
