//! Attributes: `KeyValue` and the scalar kinds of `AnyValue`.

use std::borrow::Cow;

use super::wire::{
    bytes, delimited, delimited_len, fixed64, fixed64_key, length_key, varint, varint_key,
    varint_len,
};

/// The value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Text.
    Text(&'a str),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// Yes or no.
    Bool(bool),
}

/// What can be the value of an attribute.
pub trait AsValue {
    /// The value, borrowed.
    fn as_value(&self) -> Value<'_>;
}

impl AsValue for Value<'_> {
    fn as_value(&self) -> Value<'_> {
        *self
    }
}

impl AsValue for &str {
    fn as_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl AsValue for String {
    fn as_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl AsValue for Cow<'_, str> {
    fn as_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl AsValue for i64 {
    fn as_value(&self) -> Value<'_> {
        Value::Int(*self)
    }
}

impl AsValue for f64 {
    fn as_value(&self) -> Value<'_> {
        Value::Double(*self)
    }
}

impl AsValue for bool {
    fn as_value(&self) -> Value<'_> {
        Value::Bool(*self)
    }
}

impl Value<'_> {
    /// The length of the `AnyValue`'s content.
    pub(super) fn any_len(self) -> usize {
        match self {
            Self::Text(text) => delimited_len(text.len()),
            // Negative numbers are sign-extended, as protobuf has it.
            Self::Int(number) => 1 + varint_len(number as u64),
            Self::Double(_) => 9,
            Self::Bool(_) => 2,
        }
    }

    /// The `AnyValue`'s content. A `oneof` is written also where it is the
    /// default: an empty text is not the same as no value.
    pub(super) fn any(self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => bytes(out, length_key(1), text.as_bytes()),
            Self::Bool(truth) => out.extend_from_slice(&[varint_key(2), u8::from(truth)]),
            Self::Int(number) => {
                out.push(varint_key(3));
                varint(out, number as u64);
            }
            Self::Double(number) => fixed64(out, fixed64_key(4), number.to_bits()),
        }
    }
}

fn key_value_len(name: &str, value: Value<'_>) -> usize {
    delimited_len(name.len()) + delimited_len(value.any_len())
}

/// How many bytes [`attribute`] writes.
pub(crate) fn attribute_len(name: &str, value: Value<'_>) -> usize {
    delimited_len(key_value_len(name, value))
}

/// Writes a `KeyValue` as the repeated field `key` of what holds it.
pub(crate) fn attribute(out: &mut Vec<u8>, key: u8, name: &str, value: Value<'_>) {
    let length = key_value_len(name, value);
    out.reserve(delimited_len(length));
    delimited(out, key, length);
    bytes(out, length_key(1), name.as_bytes());
    delimited(out, length_key(2), value.any_len());
    value.any(out);
}
