//! JSON and hexadecimal, appended to a line.

use crate::otlp::Value;
use crate::trace::context::to_hex;

/// A text in quotes.
pub(super) fn string(line: &mut Vec<u8>, text: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    // To the end in any case: so the compiler looks at sixteen bytes at once.
    if text.bytes().fold(true, |all, byte| all & plain(byte)) {
        line.push(b'"');
        line.extend_from_slice(text.as_bytes());
        line.push(b'"');
    } else {
        serialize(line, &text);
    }
}

/// A scalar; numbers that JSON does not have are null.
pub(super) fn value(line: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Text(text) => string(line, text),
        Value::Int(number) => serialize(line, &number),
        Value::Double(number) => serialize(line, &number),
        Value::Bool(truth) => serialize(line, &truth),
    }
}

fn serialize(line: &mut Vec<u8>, value: &impl serde::Serialize) {
    // Writing into a Vec fails on no value that comes here: numbers, booleans
    // and texts.
    let _ = serde_json::to_writer(line, value);
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(line: &mut Vec<u8>, bytes: &[u8]) {
    to_hex(bytes, room(line, 2 * bytes.len()));
}

/// A number with leading zeros, `digits` long.
pub(super) fn padded(line: &mut Vec<u8>, mut number: u32, digits: usize) {
    for digit in room(line, digits).iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// So many more bytes of the line.
fn room(line: &mut Vec<u8>, bytes: usize) -> &mut [u8] {
    let before = line.len();
    line.resize(before + bytes, b'0');
    &mut line[before..]
}

#[cfg(test)]
mod tests {
    use super::{hex, padded, string, value};
    use crate::otlp::Value;

    #[test]
    fn texts_are_escaped_as_json_demands() {
        for text in [
            "plain", "Grüße", "", "a\"b", "a\\b", "a\nb", "\u{1}", "\u{7f}",
        ] {
            let mut line = Vec::new();
            string(&mut line, text);
            let read: String = serde_json::from_slice(&line).expect("JSON");
            assert_eq!(read, text);
        }
    }

    #[test]
    fn numbers_are_written_as_they_read() {
        let mut line = Vec::new();
        value(&mut line, Value::Double(f64::NAN));
        value(&mut line, Value::Int(-7));
        value(&mut line, Value::Double(1.5));
        hex(&mut line, &[0x0f, 0xa0]);
        padded(&mut line, 42, 6);
        assert_eq!(line, b"null-71.50fa0000042");
    }
}
