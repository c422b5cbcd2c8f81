//! A dead letter, as its headers tell of it.

use chrono::{DateTime, Utc};
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};
use telemetry::Context;

use super::Filter;
use crate::cloudevents;
use crate::consumer::dead_letter::{self, find};

/// What is not longer than this is shown whole.
const SHOWN: usize = 64;

pub(super) struct Letter<'a> {
    message: &'a BorrowedMessage<'a>,
    pub cause: String,
    /// When it last died.
    pub died_at: Option<DateTime<Utc>>,
    /// Whether all of the message is here.
    pub is_whole: bool,
}

impl<'a> Letter<'a> {
    pub fn read(message: &'a BorrowedMessage<'a>) -> Self {
        let headers = message.headers();
        let died_at = find(headers, dead_letter::LAST_FAILED_AT)
            .and_then(|text| DateTime::parse_from_rfc3339(text).ok())
            .map(|time| time.to_utc())
            .or_else(|| {
                let written = message.timestamp().to_millis()?;
                DateTime::from_timestamp_millis(written)
            });
        Self {
            message,
            // Anybody may write to a topic; this goes to a terminal.
            cause: find(headers, dead_letter::CAUSE)
                .unwrap_or("unknown")
                .chars()
                .filter(|c| !c.is_control())
                .take(SHOWN)
                .collect(),
            died_at,
            is_whole: find(headers, dead_letter::BODY_LEFT).is_none(),
        }
    }

    pub fn matches(&self, filter: &Filter) -> bool {
        let headers = self.message.headers();
        let key = self.message.key().map(String::from_utf8_lossy);
        let holds = |wanted: &Option<String>, found: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == found
        };
        holds(&filter.cause, Some(&self.cause))
            && holds(&filter.event_type, find(headers, "ce_type"))
            && holds(&filter.id, find(headers, "ce_id"))
            && holds(&filter.key, key.as_deref())
    }

    /// The headers with which it goes back, and its history with it. The producer
    /// adds `traceparent`.
    pub fn headers_back(&self, now: DateTime<Utc>) -> OwnedHeaders {
        let headers = self.message.headers();
        let redrives = find(headers, dead_letter::REDRIVES)
            .and_then(|n| n.parse::<u32>().ok())
            .unwrap_or(0)
            .saturating_add(1);
        let replaced = [dead_letter::REDRIVES, dead_letter::REDRIVEN_AT];
        let (redrives, now) = (redrives.to_string(), dead_letter::stamp(now));
        self.headers_without(&replaced)
            .insert(Header {
                key: dead_letter::REDRIVES,
                value: Some(&redrives),
            })
            .insert(Header {
                key: dead_letter::REDRIVEN_AT,
                value: Some(&now),
            })
    }

    /// The headers of a copy that stays here.
    pub fn headers_here(&self) -> OwnedHeaders {
        self.headers_without(&[])
    }

    fn headers_without(&self, left_out: &[&str]) -> OwnedHeaders {
        let mut headers = OwnedHeaders::new();
        for header in self.message.headers().into_iter().flat_map(Headers::iter) {
            if header.key != "traceparent" && !left_out.contains(&header.key) {
                headers = headers.insert(header);
            }
        }
        headers
    }

    /// The trace it belongs to.
    pub fn context(&self) -> Option<Context> {
        cloudevents::read_context(self.message.headers())
    }
}
