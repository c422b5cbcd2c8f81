//! Protobuf's wire format, as far as OTLP needs it.

/// A field's key where its number is below 16, as one byte.
const fn key(field: u8, wire_type: u8) -> u8 {
    assert!(field < 16, "needs two bytes");
    field << 3 | wire_type
}

/// The key of a varint.
pub(super) const fn varint_key(field: u8) -> u8 {
    key(field, 0)
}

/// The key of eight bytes, little-endian.
pub(super) const fn fixed64_key(field: u8) -> u8 {
    key(field, 1)
}

/// The key of something with a length before it.
pub(super) const fn length_key(field: u8) -> u8 {
    key(field, 2)
}

/// The key of four bytes, little-endian.
pub(super) const fn fixed32_key(field: u8) -> u8 {
    key(field, 5)
}

/// How many bytes `value` takes as a varint.
pub(super) const fn varint_len(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// How many bytes `length` bytes take with a one-byte key and their length.
pub(super) const fn delimited_len(length: usize) -> usize {
    1 + varint_len(length as u64) + length
}

pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A key and a length; the content follows.
pub(super) fn delimited(out: &mut Vec<u8>, key: u8, length: usize) {
    out.push(key);
    varint(out, length as u64);
}

/// Bytes or text.
pub(super) fn bytes(out: &mut Vec<u8>, key: u8, value: &[u8]) {
    delimited(out, key, value.len());
    out.extend_from_slice(value);
}

pub(super) fn fixed64(out: &mut Vec<u8>, key: u8, value: u64) {
    out.push(key);
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn fixed32(out: &mut Vec<u8>, key: u8, value: u32) {
    out.push(key);
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use prost::encoding::decode_varint;

    use super::{varint, varint_len};

    #[test]
    fn varints_are_as_long_as_said_and_read_back() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1 << shift) - 1, u64::MAX >> shift] {
                let mut bytes = Vec::new();
                varint(&mut bytes, value);
                assert_eq!(bytes.len(), varint_len(value), "{value}");
                bytes.push(7);
                let mut rest = bytes.as_slice();
                assert_eq!(decode_varint(&mut rest), Ok(value));
                assert_eq!(rest, [7]);
            }
        }
    }
}
