use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    filter::FilterQuery,
    order::{Direction, Order, Sort},
};
use crate::Error;

/// Where a page ends: the last task on it, by its place in the order. It stays
/// valid while tasks come, change and go.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Cursor {
    pub(super) place: Place,
    pub(super) id: Uuid,
}

/// What the last task had in what is ordered by.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// When it was made, changed or due.
    Moment(DateTime<Utc>),
    /// Never due.
    Never,
    Priority(i16),
    /// The title as it is compared.
    Title(String),
    Rank(f32),
}

/// The list a cursor belongs to. A cursor is no authority (every query has its
/// owner of its own), so that this needs no secret: it tells mistakes.
pub(super) struct Scope {
    order: Order,
    digest: Sha256,
}

/// Grows when cursors change their meaning.
const VERSION: u8 = 2;
const CHECK: usize = 8;

impl Scope {
    pub(super) fn new(owner: Uuid, filter: &FilterQuery, order: Order) -> Self {
        let digest = Sha256::new()
            .chain_update(owner)
            .chain_update([order.sort as u8, order.direction as u8])
            .chain_update(filter.given());
        Self { order, digest }
    }

    fn check(&self, bytes: &[u8]) -> [u8; CHECK] {
        let digest = self.digest.clone().chain_update(bytes).finalize();
        std::array::from_fn(|index| digest[index])
    }

    pub(super) fn write(&self, cursor: &Cursor) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(cursor.id.as_bytes());
        match &cursor.place {
            Place::Moment(moment) => bytes.extend(moment.timestamp_micros().to_be_bytes()),
            Place::Never => {}
            Place::Priority(number) => bytes.extend(number.to_be_bytes()),
            Place::Title(title) => bytes.extend(title.as_bytes()),
            Place::Rank(rank) => bytes.extend(rank.to_be_bytes()),
        }
        bytes.extend(self.check(&bytes));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// A cursor that was written for this list.
    pub(super) fn read(&self, text: &str) -> Result<Cursor, Error> {
        self.decode(text).ok_or(Error::Cursor)
    }

    fn decode(&self, text: &str) -> Option<Cursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (bytes, check) = bytes.split_last_chunk::<CHECK>()?;
        if *check != self.check(bytes) {
            return None;
        }
        let (version, rest) = bytes.split_first()?;
        let (id, place) = rest.split_first_chunk::<16>()?;
        let place = match self.order.sort {
            _ if *version != VERSION => return None,
            Sort::Due if place.is_empty() => Place::Never,
            Sort::Created | Sort::Updated | Sort::Due => {
                let micros = i64::from_be_bytes(place.try_into().ok()?);
                Place::Moment(DateTime::from_timestamp_micros(micros)?)
            }
            Sort::Priority => Place::Priority(i16::from_be_bytes(place.try_into().ok()?)),
            Sort::Title => Place::Title(String::from_utf8(place.to_vec()).ok()?),
            Sort::Rank => Place::Rank(f32::from_be_bytes(place.try_into().ok()?)),
        };
        let id = Uuid::from_bytes(*id);
        Some(Cursor { place, id })
    }
}

impl Direction {
    /// What comes after a place.
    pub(super) fn after(self) -> &'static str {
        match self {
            Self::Asc => " > ",
            Self::Desc => " < ",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::domain::now;
    use super::*;

    fn scope(owner: Uuid, sort: Sort, direction: Direction) -> Scope {
        Scope::new(owner, &FilterQuery::default(), Order { sort, direction })
    }

    #[test]
    fn survives_the_way_to_the_client_and_back() {
        for (sort, place) in [
            (Sort::Created, Place::Moment(now())),
            (Sort::Due, Place::Moment(DateTime::UNIX_EPOCH)),
            (Sort::Due, Place::Never),
            (Sort::Priority, Place::Priority(3)),
            (Sort::Title, Place::Title("äpfel".to_owned())),
            (Sort::Title, Place::Title(String::new())),
            (Sort::Rank, Place::Rank(0.607_927_1)),
        ] {
            let scope = scope(Uuid::now_v7(), sort, Direction::Asc);
            let cursor = Cursor {
                place,
                id: Uuid::now_v7(),
            };
            assert_eq!(scope.read(&scope.write(&cursor)).unwrap(), cursor);
        }
    }

    #[test]
    fn is_refused_by_every_other_list_and_when_it_is_broken() {
        let owner = Uuid::now_v7();
        let here = scope(owner, Sort::Created, Direction::Desc);
        let cursor = here.write(&Cursor {
            place: Place::Moment(now()),
            id: Uuid::now_v7(),
        });
        for other in [
            scope(Uuid::now_v7(), Sort::Created, Direction::Desc),
            scope(owner, Sort::Updated, Direction::Desc),
            scope(owner, Sort::Created, Direction::Asc),
        ] {
            assert!(other.read(&cursor).is_err());
        }
        for position in 0..cursor.len() {
            let mut broken = cursor.clone().into_bytes();
            broken[position] = if broken[position] == b'A' { b'B' } else { b'A' };
            let broken = String::from_utf8(broken).unwrap();
            assert!(here.read(&broken).is_err(), "{broken}");
            assert!(here.read(&cursor[..position]).is_err());
        }
        for text in ["", "nonsense!", "AAAA", "\0"] {
            assert!(here.read(text).is_err(), "{text}");
        }
    }
}
