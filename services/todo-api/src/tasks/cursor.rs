use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::domain::Invalid;

/// Where a page ends: the last task on it, by its place in the order. It stays
/// valid while tasks come, change and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) created_at: DateTime<Utc>,
    pub(super) id: Uuid,
}

/// Cursors of another order will have another number.
const NEWEST_FIRST: u8 = 1;

impl Cursor {
    /// Before the first task.
    pub(super) fn start() -> Self {
        Self {
            created_at: DateTime::<Utc>::MAX_UTC.min(END_OF_TIME),
            id: Uuid::max(),
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        Self::decode(text).ok_or_else(|| Invalid {
            code: "malformed",
            message: "must be a next_cursor from an earlier answer".to_owned(),
        })
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes: [u8; 25] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (kind, rest) = bytes.split_first()?;
        let (micros, id) = rest.split_first_chunk::<8>()?;
        let created_at = DateTime::from_timestamp_micros(i64::from_be_bytes(*micros))?;
        let valid =
            *kind == NEWEST_FIRST && (DateTime::UNIX_EPOCH..=END_OF_TIME).contains(&created_at);
        valid.then_some(Self {
            created_at,
            id: Uuid::from_slice(id).ok()?,
        })
    }

    pub(super) fn encode(self) -> String {
        let mut bytes = vec![NEWEST_FIRST];
        bytes.extend(self.created_at.timestamp_micros().to_be_bytes());
        bytes.extend(self.id.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// The last moment of the year 9999, which every part of the system can hold.
const END_OF_TIME: DateTime<Utc> = match DateTime::from_timestamp_micros(253_402_300_799_999_999) {
    Some(moment) => moment,
    None => DateTime::<Utc>::MAX_UTC,
};

#[cfg(test)]
mod tests {
    use super::super::domain::now;
    use super::*;

    #[test]
    fn survives_the_way_to_the_client_and_back() {
        let cursor = Cursor {
            created_at: now(),
            id: Uuid::now_v7(),
        };
        assert_eq!(Cursor::parse(&cursor.encode()), Ok(cursor));
        assert_eq!(
            Cursor::parse(&Cursor::start().encode()),
            Ok(Cursor::start())
        );
    }

    #[test]
    fn refuses_what_it_did_not_make() {
        let mut other = URL_SAFE_NO_PAD.decode(Cursor::start().encode()).unwrap();
        other[0] = 9;
        let far = [
            vec![NEWEST_FIRST],
            i64::MIN.to_be_bytes().to_vec(),
            vec![0; 16],
        ]
        .concat();
        for text in [
            String::new(),
            "nonsense!".to_owned(),
            "AAAA".to_owned(),
            URL_SAFE_NO_PAD.encode(other),
            URL_SAFE_NO_PAD.encode(far),
        ] {
            assert!(Cursor::parse(&text).is_err(), "{text}");
        }
    }
}
