//! Messages that cannot take effect go to `<topic>.dlq`, as they came, with
//! headers that say why. A message that was sent back and fails again keeps its
//! history: attempts add up, origin and first failure stay, and each earlier death
//! is a line of `dlq_history`.

use chrono::{DateTime, SecondsFormat, Utc};
use rdkafka::Message;
use rdkafka::message::{Header, Headers, OwnedHeaders};

use super::retry::Verdict;
use crate::producer::{ProduceError, Producer, Record};
use crate::topics::Topic;

pub(crate) const CAUSE: &str = "dlq_cause";
const DETAIL: &str = "dlq_detail";
const ORIGIN_TOPIC: &str = "dlq_origin_topic";
const ORIGIN_PARTITION: &str = "dlq_origin_partition";
const ORIGIN_OFFSET: &str = "dlq_origin_offset";
const ATTEMPTS: &str = "dlq_attempts";
const FIRST_FAILED_AT: &str = "dlq_first_failed_at";
pub(crate) const LAST_FAILED_AT: &str = "dlq_last_failed_at";
const PREFIX: &str = "dlq_";

/// Earlier deaths, one in each line, the latest last.
const HISTORY: &str = "dlq_history";
/// Set where the body did not fit, and stayed at the origin.
pub(crate) const BODY_LEFT: &str = "dlq_body_left";
/// How often it was sent back.
pub(crate) const REDRIVES: &str = "dlq_redrives";
/// Set on a message that is sent back to its topic.
pub(crate) const REDRIVEN_AT: &str = "dlq_redriven_at";

/// A detail is for a person to read, not a place for a body to hide in.
const DETAIL_CHARS: usize = 500;
/// Of so many deaths the history tells.
const REMEMBERED: usize = 10;

/// Sends a message to the dead letters of `topic`, and waits for the broker.
pub(super) async fn send<M: Message>(
    producer: &Producer,
    topic: Topic,
    message: &M,
    verdict: &Verdict,
) -> Result<(), ProduceError> {
    let record = |body, headers| Record {
        topic: topic.dead_letters(),
        key: message.key(),
        body,
        headers,
        timestamp: None,
    };
    match producer
        .send(record(
            message.payload(),
            headers(topic, message, verdict, &verdict.detail),
        ))
        .await
    {
        Err(ProduceError::Refused {
            kind: "message_too_large",
            ..
        }) => {
            // A topic that was not created with room for it. The origin still
            // has it, as long as its retention lasts.
            let detail = format!(
                "{} (body of {} bytes left at the origin)",
                verdict.detail,
                message.payload().map_or(0, <[u8]>::len)
            );
            let headers = headers(topic, message, verdict, &detail).insert(Header {
                key: BODY_LEFT,
                value: Some("true"),
            });
            producer.send(record(None, headers)).await.map(drop)
        }
        result => result.map(drop),
    }
}

fn headers<M: Message>(topic: Topic, message: &M, verdict: &Verdict, detail: &str) -> OwnedHeaders {
    let original = message.headers();
    let mut headers = OwnedHeaders::new();
    for header in original.into_iter().flat_map(Headers::iter) {
        // The producer's span, which is in the same trace, replaces the
        // context; what earlier deaths left is merged below.
        if header.key != "traceparent" && !header.key.starts_with(PREFIX) {
            headers = headers.insert(header);
        }
    }
    let earlier = |name| find(original, name).map(str::to_owned);
    let attempts = verdict.attempts
        + earlier(ATTEMPTS)
            .and_then(|n| n.parse::<u32>().ok())
            .unwrap_or(0);
    let detail: String = detail.chars().take(DETAIL_CHARS).collect();
    for (key, value) in [
        (CAUSE, verdict.cause.to_owned()),
        (DETAIL, detail),
        (
            ORIGIN_TOPIC,
            earlier(ORIGIN_TOPIC).unwrap_or_else(|| topic.name().to_owned()),
        ),
        (
            ORIGIN_PARTITION,
            earlier(ORIGIN_PARTITION).unwrap_or_else(|| message.partition().to_string()),
        ),
        (
            ORIGIN_OFFSET,
            earlier(ORIGIN_OFFSET).unwrap_or_else(|| message.offset().to_string()),
        ),
        (ATTEMPTS, attempts.to_string()),
        (
            FIRST_FAILED_AT,
            earlier(FIRST_FAILED_AT).unwrap_or_else(|| stamp(verdict.first_failed_at)),
        ),
        (LAST_FAILED_AT, stamp(verdict.last_failed_at)),
    ] {
        headers = headers.insert(Header {
            key,
            value: Some(&value),
        });
    }
    let carried = [(REDRIVES, earlier(REDRIVES)), (HISTORY, history(original))];
    for (key, value) in carried {
        if let Some(value) = &value {
            headers = headers.insert(Header {
                key,
                value: Some(value),
            });
        }
    }
    headers
}

/// The history of a message that died before: that death added to what it had.
fn history<H: Headers>(headers: Option<&H>) -> Option<String> {
    let get = |name| find(headers, name).unwrap_or("?");
    find(headers, CAUSE)?;
    let death = format!(
        "{} {} after {} attempts",
        get(LAST_FAILED_AT),
        get(CAUSE),
        get(ATTEMPTS)
    );
    // Whoever wrote those headers may have written a book.
    let death: String = death.chars().take(DETAIL_CHARS).collect();
    let mut deaths: Vec<&str> = find(headers, HISTORY)
        .into_iter()
        .flat_map(str::lines)
        .collect();
    deaths.push(&death);
    let first = deaths.len().saturating_sub(REMEMBERED);
    Some(deaths[first..].join("\n"))
}

pub(crate) fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

pub(crate) fn find<'a, H: Headers>(headers: Option<&'a H>, name: &str) -> Option<&'a str> {
    headers?
        .iter()
        .filter(|header| header.key == name)
        .last()
        .and_then(|header| std::str::from_utf8(header.value?).ok())
}

#[cfg(test)]
mod tests {
    use rdkafka::Timestamp;
    use rdkafka::message::OwnedMessage;

    use super::*;

    fn message(pairs: &[(&str, &str)]) -> OwnedMessage {
        let headers = pairs
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(*value),
                })
            });
        OwnedMessage::new(
            Some(b"{".to_vec()),
            Some(b"key".to_vec()),
            "test-1.todo.tasks.v1".to_owned(),
            Timestamp::NotAvailable,
            2,
            40,
            Some(headers),
        )
    }

    fn get(headers: &OwnedHeaders, name: &str) -> String {
        find(Some(headers), name).unwrap_or("-").to_owned()
    }

    #[test]
    fn says_why_and_keeps_what_came() {
        let message = message(&[("ce_id", "7"), ("traceparent", "00-a-b-01"), ("x", "y")]);
        let verdict = Verdict::at_once("malformed_header", "d".repeat(900));
        let headers = headers(Topic::TodoTasks, &message, &verdict, &verdict.detail);
        assert_eq!(get(&headers, "ce_id"), "7");
        assert_eq!(get(&headers, "x"), "y");
        assert_eq!(get(&headers, "traceparent"), "-");
        assert_eq!(get(&headers, CAUSE), "malformed_header");
        assert_eq!(get(&headers, DETAIL).len(), DETAIL_CHARS);
        assert_eq!(get(&headers, ORIGIN_TOPIC), "todo.tasks.v1");
        assert_eq!(get(&headers, ORIGIN_PARTITION), "2");
        assert_eq!(get(&headers, ORIGIN_OFFSET), "40");
        assert_eq!(get(&headers, ATTEMPTS), "1");
        assert_eq!(get(&headers, REDRIVEN_AT), "-");
    }

    #[test]
    fn a_second_death_keeps_the_history_of_the_first() {
        let message = message(&[
            (CAUSE, "retries_exhausted"),
            (ORIGIN_TOPIC, "todo.tasks.v1"),
            (ORIGIN_PARTITION, "1"),
            (ORIGIN_OFFSET, "17"),
            (ATTEMPTS, "8"),
            (FIRST_FAILED_AT, "2026-11-01T00:00:00.000Z"),
            (LAST_FAILED_AT, "2026-11-01T00:01:00.000Z"),
            (HISTORY, "2026-10-01T00:00:00.000Z panic after 1 attempts"),
            (REDRIVES, "2"),
            (REDRIVEN_AT, "2026-11-02T00:00:00.000Z"),
        ]);
        let verdict = Verdict::at_once("unknown_type", String::new());
        let headers = headers(Topic::TodoTasks, &message, &verdict, "");
        assert_eq!(get(&headers, CAUSE), "unknown_type");
        assert_eq!(get(&headers, ORIGIN_OFFSET), "17");
        assert_eq!(get(&headers, ATTEMPTS), "9");
        assert_eq!(get(&headers, FIRST_FAILED_AT), "2026-11-01T00:00:00.000Z");
        assert_eq!(get(&headers, REDRIVES), "2");
        assert_eq!(
            get(&headers, HISTORY),
            "2026-10-01T00:00:00.000Z panic after 1 attempts\n\
             2026-11-01T00:01:00.000Z retries_exhausted after 8 attempts"
        );
        assert_eq!(get(&headers, REDRIVEN_AT), "-");
    }
}
