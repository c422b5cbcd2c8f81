//! One log line: a JSON object with timestamp, level, logger, message, fields,
//! trace_id, span_id, service and version.

use std::io::Write as _;

use chrono::DateTime;

use super::json;
use crate::trace::Context;

/// What never changes in a line of this process, encoded once.
pub(super) struct Constants {
    /// `"service":"…","version":"…"}` and a newline.
    pub(super) tail: Vec<u8>,
}

impl Constants {
    pub(super) fn new(service: &str, version: &str) -> Self {
        let mut tail = Vec::new();
        // Writing into a Vec does not fail.
        let _ = writeln!(
            tail,
            r#""service":{},"version":{}}}"#,
            serde_json::Value::from(service),
            serde_json::Value::from(version)
        );
        Self { tail }
    }
}

/// The date and second of the last line, which the next one mostly shares.
#[derive(Default)]
pub(super) struct Clock {
    second: u64,
    prefix: Vec<u8>,
}

impl Clock {
    /// Writes `nanos` since 1970 as RFC 3339 in UTC with microseconds.
    fn write(&mut self, nanos: u64, line: &mut Vec<u8>) {
        let (second, nanos) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        if self.second != second || self.prefix.is_empty() {
            self.second = second;
            self.prefix.clear();
            // Until the year 262,000.
            let date = DateTime::from_timestamp(second.cast_signed(), 0).unwrap_or_default();
            let _ = write!(self.prefix, "{}", date.format("%Y-%m-%dT%H:%M:%S."));
        }
        line.extend_from_slice(&self.prefix);
        // Below a million.
        json::padded(line, (nanos / 1_000) as u32, 6);
        line.push(b'Z');
    }
}

/// The parts of one line.
pub(super) struct Line<'a> {
    /// Nanoseconds since 1970.
    pub(super) time: u64,
    pub(super) level: &'static str,
    pub(super) logger: &'a str,
    pub(super) message: &'a str,
    /// `"key":value,` pairs.
    pub(super) fields: &'a [u8],
    pub(super) context: Option<&'a Context>,
}

impl Line<'_> {
    pub(super) fn write(&self, clock: &mut Clock, constants: &Constants, line: &mut Vec<u8>) {
        line.extend_from_slice(br#"{"timestamp":""#);
        clock.write(self.time, line);
        line.extend_from_slice(br#"","level":""#);
        line.extend_from_slice(self.level.as_bytes());
        line.extend_from_slice(br#"","logger":""#);
        line.extend_from_slice(self.logger.as_bytes());
        line.extend_from_slice(br#"","message":"#);
        json::string(line, self.message);
        line.extend_from_slice(br#","fields":{"#);
        line.extend_from_slice(self.fields.strip_suffix(b",").unwrap_or_default());
        line.extend_from_slice(b"},");
        // Probes have a context without a trace.
        if let Some(context) = self.context.filter(|context| context.span.is_valid()) {
            line.extend_from_slice(br#""trace_id":""#);
            json::hex(line, &context.span.trace_id.to_be_bytes());
            line.extend_from_slice(br#"","span_id":""#);
            json::hex(line, &context.span.span_id.to_be_bytes());
            line.extend_from_slice(br#"","#);
        }
        line.extend_from_slice(&constants.tail);
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, Constants, Line};
    use crate::trace::Context;

    #[test]
    fn a_line_is_one_json_object_of_the_schema() {
        let context = Context::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let line = Line {
            time: 1_500_000_000,
            level: "INFO",
            logger: "todo_api::tasks",
            message: "a \"quoted\"\nmessage",
            fields: br#""task_id":"x","duration_ms":12,"#,
            context: context.as_ref(),
        };
        let mut bytes = Vec::new();
        line.write(
            &mut Clock::default(),
            &Constants::new("todo-api", "0.1.0"),
            &mut bytes,
        );
        assert_eq!(bytes.last(), Some(&b'\n'));
        let parsed: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!(
            parsed,
            serde_json::json!({
                "timestamp": "1970-01-01T00:00:01.500000Z",
                "level": "INFO",
                "logger": "todo_api::tasks",
                "message": "a \"quoted\"\nmessage",
                "fields": {"task_id": "x", "duration_ms": 12},
                "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
                "span_id": "00f067aa0ba902b7",
                "service": "todo-api",
                "version": "0.1.0",
            })
        );
    }
}
