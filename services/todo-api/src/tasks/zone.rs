//! Time zones: local times and the moments they mean.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use jiff::{
    Timestamp, civil,
    tz::{self, TimeZoneDatabase},
};

use super::domain::TimeZone;

/// The database that is built in: the machine's own may be missing or older.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The canonical spelling of a zone's name, which is found in any case.
pub(super) fn canonical(name: &str) -> Option<String> {
    let zone = ZONES.get(name).ok()?;
    zone.iana_name().map(str::to_owned)
}

/// The rules of a zone. UTC in place of one that the database does not have any
/// more: zones are merged and renamed, but old names are kept.
fn rules(zone: &TimeZone) -> tz::TimeZone {
    ZONES.get(zone.as_str()).unwrap_or(tz::TimeZone::UTC)
}

fn timestamp(moment: DateTime<Utc>) -> Option<Timestamp> {
    Timestamp::from_microsecond(moment.timestamp_micros()).ok()
}

/// What the clocks there show at a moment. None only far beyond the year 9999.
pub(super) fn local(moment: DateTime<Utc>, zone: &TimeZone) -> Option<civil::DateTime> {
    Some(rules(zone).to_datetime(timestamp(moment)?))
}

/// The moment at which clocks there show this. A time that they skip is as much
/// later as they skip; of a time that they show twice it is the first
/// (RFC 5545, 3.3.5).
pub(super) fn moment(local: civil::DateTime, zone: &TimeZone) -> Option<DateTime<Utc>> {
    let rules = rules(zone);
    let mut timestamp = rules.to_ambiguous_timestamp(local).compatible().ok()?;
    // Where a zone's rules themselves were replaced (Nuuk in 2023), the library
    // sees two times where there is one: the later is it.
    if rules.to_datetime(timestamp) != local {
        timestamp = rules.to_ambiguous_timestamp(local).later().ok()?;
    }
    DateTime::from_timestamp_micros(timestamp.as_microsecond())
}

/// A moment as RFC 3339 with the offset of the zone, if there are both.
pub(super) fn shown(moment: Option<DateTime<Utc>>, zone: Option<&TimeZone>) -> Option<String> {
    let (timestamp, zone) = (timestamp(moment?)?, zone?);
    let offset = rules(zone).to_offset(timestamp);
    Some(timestamp.display_with_offset(offset).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::parse("Europe/Berlin").unwrap()
    }

    fn at(local: &str) -> String {
        let moment = moment(local.parse().unwrap(), &berlin()).unwrap();
        moment.to_rfc3339()
    }

    #[test]
    fn skipped_times_move_forward_and_of_repeated_ones_it_is_the_first() {
        assert_eq!(at("2026-03-29T01:59:59"), "2026-03-29T00:59:59+00:00");
        assert_eq!(at("2026-03-29T02:30:00"), "2026-03-29T01:30:00+00:00");
        assert_eq!(at("2026-10-25T02:30:00"), "2026-10-25T00:30:00+00:00");
        assert_eq!(at("2026-10-25T03:00:00"), "2026-10-25T02:00:00+00:00");
        let nuuk = TimeZone::parse("America/Nuuk").unwrap();
        let there = moment("2023-10-28T23:37:46".parse().unwrap(), &nuuk).unwrap();
        assert_eq!(there.to_rfc3339(), "2023-10-29T01:37:46+00:00");
    }

    #[test]
    fn moments_are_shown_with_their_offset() {
        let show = |text: &str| shown(Some(text.parse().unwrap()), Some(&berlin())).unwrap();
        assert_eq!(show("2026-07-01T10:00:00Z"), "2026-07-01T12:00:00+02:00");
        assert_eq!(
            show("2026-12-01T10:00:00.25Z"),
            "2026-12-01T11:00:00.25+01:00"
        );
        assert_eq!(shown(Some(Utc::now()), None), None);
    }
}
