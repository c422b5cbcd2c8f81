//! What an event says, collected once for the line and for OTLP.

use std::fmt::{self, Write as _};

use opentelemetry::Key;
use opentelemetry::logs::AnyValue;
use tracing::field::{Field, Visit};

/// Visits the fields of an event, writing them as members of a JSON object.
pub(super) struct FieldWriter<'a> {
    /// `"key":value` pairs, each followed by a comma.
    pub(super) fields: &'a mut Vec<u8>,
    /// The message, as it reads.
    pub(super) message: &'a mut String,
    /// Scratch space for values that are only `Debug`.
    pub(super) scratch: &'a mut String,
    /// The fields for OTLP, collected if somebody takes them.
    pub(super) attributes: Option<Vec<(Key, AnyValue)>>,
    /// The event says it is CRITICAL.
    pub(super) critical: bool,
}

impl FieldWriter<'_> {
    fn json(&mut self, name: &str, value: &impl serde::Serialize) {
        // Writing JSON into a Vec fails on no value that comes here: numbers,
        // booleans and strings.
        let _ = serde_json::to_writer(&mut *self.fields, name);
        self.fields.push(b':');
        let _ = serde_json::to_writer(&mut *self.fields, value);
        self.fields.push(b',');
    }

    fn attribute(&mut self, name: &'static str, value: impl Into<AnyValue>) {
        if let Some(attributes) = &mut self.attributes {
            attributes.push((Key::from_static_str(name), value.into()));
        }
    }
}

impl Visit for FieldWriter<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.json(field.name(), &value);
        self.attribute(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.json(field.name(), &value);
        self.attribute(field.name(), i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.json(field.name(), &value);
        self.attribute(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.json(field.name(), &value);
        self.attribute(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            "severity" if value == "CRITICAL" => self.critical = true,
            name => {
                self.json(name, &value);
                self.attribute(name, value.to_owned());
            }
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing into a String does not fail.
            let _ = write!(self.message, "{value:?}");
            return;
        }
        let mut scratch = std::mem::take(self.scratch);
        scratch.clear();
        let _ = write!(scratch, "{value:?}");
        self.json(field.name(), &scratch.as_str());
        self.attribute(field.name(), scratch.clone());
        *self.scratch = scratch;
    }
}
