//! What an event says, visited once for the line and for OTLP.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};

use super::json;
use crate::otlp::{RECORD_ATTRIBUTE, Value, attribute};

/// Visits the fields of an event, writing them as members of a JSON object and
/// as attributes of a log record.
pub(super) struct FieldWriter<'a> {
    /// `"key":value` pairs, each followed by a comma.
    pub(super) fields: &'a mut Vec<u8>,
    /// The message, as it reads.
    pub(super) message: &'a mut String,
    /// Scratch space for values that are only `Debug`.
    pub(super) scratch: &'a mut String,
    /// The fields for OTLP, if somebody takes them.
    pub(super) attributes: Option<&'a mut Vec<u8>>,
    /// The event says it is CRITICAL.
    pub(super) critical: bool,
}

impl FieldWriter<'_> {
    pub(super) fn field(&mut self, name: &str, value: Value<'_>) {
        json::string(self.fields, name);
        self.fields.push(b':');
        json::value(self.fields, value);
        self.fields.push(b',');
        if let Some(attributes) = &mut self.attributes {
            attribute(attributes, RECORD_ATTRIBUTE, name, value);
        }
    }
}

impl Visit for FieldWriter<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field.name(), Value::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.field(field.name(), Value::Int(value)),
            // OTLP has no larger whole numbers.
            Err(_) => self.field(field.name(), Value::Text(&value.to_string())),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.field(field.name(), Value::Double(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field.name(), Value::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            "severity" if value == "CRITICAL" => self.critical = true,
            name => self.field(name, Value::Text(value)),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a String does not fail.
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
            return;
        }
        let mut scratch = std::mem::take(self.scratch);
        scratch.clear();
        let _ = write!(scratch, "{value:?}");
        self.field(field.name(), Value::Text(&scratch));
        *self.scratch = scratch;
    }
}
