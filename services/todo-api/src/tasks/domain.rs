//! The values a task is made of. Each is parsed once, at the edge; inside, a
//! value is valid.

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use utoipa::ToSchema;

use super::zone;

/// Why a value will not do: a code for programs and words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    pub(super) code: &'static str,
    pub(super) message: String,
}

fn invalid<T>(code: &'static str, message: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid {
        code,
        message: message.into(),
    })
}

/// Values that are texts, and what they have in common. Their schemas say what
/// `parse` takes, exactly.
macro_rules! texts {
    ($($name:ident),*) => {$(
        impl $name {
            /// From the database, where only parsed ones go.
            pub(super) fn stored(text: String) -> Self {
                Self(text)
            }

            pub(super) fn as_str(&self) -> &str {
                &self.0
            }
        }
    )*};
}

texts!(Title, Description, Tag, TimeZone);

/// What is to be done: on one line, and not only spaces.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(
    min_length = 1,
    max_length = 200,
    // No control characters, and one that is no space.
    pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000- \u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u001f\u007f-\u009f]*$",
    example = "Buy milk"
)]
pub(super) struct Title(String);

impl Title {
    pub(super) const MAX: usize = 200;

    /// Space around it is not part of it.
    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        if text.chars().count() > Self::MAX {
            return invalid("too_long", "must have at most 200 characters");
        }
        match text.trim() {
            "" => invalid("required", "must not be empty"),
            _ if text.chars().any(char::is_control) => {
                invalid("invalid_character", "must not contain control characters")
            }
            title => Ok(Self(title.to_owned())),
        }
    }
}

/// More about the task, on any number of lines.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(max_length = 4000, pattern = r"^[^\u0000]*$")]
pub(super) struct Description(String);

impl Description {
    pub(super) const MAX: usize = 4000;

    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        if text.chars().count() > Self::MAX {
            return invalid("too_long", "must have at most 4000 characters");
        }
        // PostgreSQL cannot store it.
        if text.contains('\0') {
            return invalid("invalid_character", "must not contain the character U+0000");
        }
        Ok(Self(text.to_owned()))
    }
}

/// A label.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(
    min_length = 1,
    max_length = 32,
    pattern = "^[a-z0-9-]+$",
    example = "home"
)]
pub(super) struct Tag(String);

impl Tag {
    /// Most tags on one task.
    pub(super) const MOST: usize = 20;

    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        match text.len() {
            0 => invalid("required", "must not be empty"),
            length if length > 32 => invalid("too_long", "must have at most 32 characters"),
            _ if !text.bytes().all(allowed) => {
                invalid("invalid_character", "may contain a-z, 0-9 and - only")
            }
            _ => Ok(Self(text.to_owned())),
        }
    }
}

/// The name of an IANA time zone, in any case.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(
    format = "iana-time-zone",
    min_length = 1,
    max_length = 64,
    example = "Europe/Berlin"
)]
pub(super) struct TimeZone(String);

impl TimeZone {
    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        match zone::canonical(text) {
            Some(name) => Ok(Self(name)),
            None => invalid(
                "unknown_time_zone",
                "must be an IANA time zone, such as Europe/Berlin",
            ),
        }
    }
}

/// A date and time with its offset from UTC (RFC 3339), from 1970 to 9999.
#[derive(ToSchema)]
#[schema(format = DateTime, pattern = "^(19[7-9][0-9]|[2-9][0-9]{3})-", example = "2026-11-21T09:00:00Z")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Moment(String);

/// The last one that is written with four digits.
const LAST_MICROSECOND: i64 = 253_402_300_800_000_000 - 1;

/// Reads a [`Moment`], and keeps it to the microsecond as the database does.
pub(super) fn parse_moment(text: &str) -> Result<DateTime<Utc>, Invalid> {
    let Ok(moment) = DateTime::parse_from_rfc3339(text) else {
        return invalid(
            "malformed",
            "must be a date and time in RFC 3339, such as 2026-11-21T09:00:00Z",
        );
    };
    // By way of microseconds, in which a leap second is the next second. Where
    // clocks are behind, the year 9999 ends after the last moment there is.
    let micros = moment.timestamp_micros().min(LAST_MICROSECOND);
    match DateTime::from_timestamp_micros(micros) {
        Some(read) if (1970..=9999).contains(&moment.year()) => Ok(read),
        _ => invalid("out_of_range", "must be between 1970 and 9999"),
    }
}

/// Reminders may lie this far in the past when they arrive: clocks differ, and
/// requests take time. Such a reminder fires at once.
const REMINDER_TOLERANCE: TimeDelta = TimeDelta::seconds(60);

/// Refuses a reminder that could never be on time.
pub(super) fn check_reminder(remind_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Invalid> {
    if remind_at < now - REMINDER_TOLERANCE {
        return invalid("in_the_past", "must not be in the past");
    }
    Ok(())
}

/// Now, to the microsecond: what is answered is what will be read back.
pub(super) fn now() -> DateTime<Utc> {
    let now = Utc::now();
    // Only out of range in the year 294276.
    DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T>(result: Result<T, Invalid>) -> &'static str {
        result.err().map_or("fine", |invalid| invalid.code)
    }

    #[test]
    fn titles_are_one_line_of_200_characters() {
        assert_eq!(Title::parse("  Buy milk ").unwrap().as_str(), "Buy milk");
        assert_eq!(code(Title::parse(&"ü".repeat(200))), "fine");
        assert_eq!(code(Title::parse(&"ü".repeat(201))), "too_long");
        assert_eq!(code(Title::parse(&" ".repeat(201))), "too_long");
        assert_eq!(code(Title::parse(" \u{3000} ")), "required");
        assert_eq!(code(Title::parse("a\n")), "invalid_character");
        assert_eq!(code(Title::parse("a\0b")), "invalid_character");
        assert_eq!(code(Title::parse("a\nb")), "invalid_character");
    }

    #[test]
    fn descriptions_are_free_text_without_nul() {
        assert_eq!(code(Description::parse("a\nb\tc")), "fine");
        assert_eq!(code(Description::parse("a\0")), "invalid_character");
        assert_eq!(code(Description::parse(&"x".repeat(4001))), "too_long");
    }

    #[test]
    fn tags_are_plain() {
        assert_eq!(code(Tag::parse("home-2")), "fine");
        assert_eq!(code(Tag::parse("Home")), "invalid_character");
        assert_eq!(code(Tag::parse("")), "required");
        assert_eq!(code(Tag::parse(&"a".repeat(33))), "too_long");
    }

    #[test]
    fn time_zones_are_those_of_iana() {
        assert_eq!(
            TimeZone::parse("europe/berlin").unwrap().as_str(),
            "Europe/Berlin"
        );
        assert_eq!(code(TimeZone::parse("UTC")), "fine");
        for text in [
            "",
            "Berlin",
            "+01:00",
            "posix/Europe/Berlin",
            "../etc/passwd",
            "a\0",
        ] {
            assert_eq!(code(TimeZone::parse(text)), "unknown_time_zone", "{text}");
        }
    }

    #[test]
    fn moments_are_rfc_3339_in_a_sane_range() {
        let moment = parse_moment("2026-11-21T10:00:00.1234567+01:00").unwrap();
        assert_eq!(moment.to_rfc3339(), "2026-11-21T09:00:00.123456+00:00");
        assert_eq!(code(parse_moment("2016-12-31T23:59:60Z")), "fine");
        for text in [
            "",
            "tomorrow",
            "2026-11-21",
            "2026-11-21T10:00:00",
            "2026-02-30T00:00:00Z",
        ] {
            assert_eq!(code(parse_moment(text)), "malformed", "{text}");
        }
        assert_eq!(code(parse_moment("0000-01-01T00:00:00Z")), "out_of_range");
        assert_eq!(code(parse_moment("1969-12-31T23:59:59Z")), "out_of_range");
        let last = parse_moment("9999-12-31T23:59:59-01:00").unwrap();
        assert_eq!(last.to_rfc3339(), "9999-12-31T23:59:59.999999+00:00");
    }

    #[test]
    fn reminders_in_the_past_are_refused_but_not_by_a_second() {
        let now = now();
        assert_eq!(
            code(check_reminder(now - TimeDelta::seconds(59), now)),
            "fine"
        );
        assert_eq!(
            code(check_reminder(now - TimeDelta::seconds(61), now)),
            "in_the_past"
        );
    }
}
