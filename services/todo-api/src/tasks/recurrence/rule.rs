//! Recurrence rules: which they are, and the local times that they name.
//!
//! The library is asked in local time only. What the local times mean is decided
//! by `zone`, so that there is one database of zones and one rule for times that
//! do not exist; and the end of a rule (COUNT, UNTIL) is kept by the series, so
//! that no step has to begin at the first occurrence.

use std::{collections::BTreeMap, str::FromStr};

use chrono::{DateTime, NaiveDateTime, TimeZone as _, Utc};
use jiff::civil;
use rrule::{RRule, RRuleSet, Tz, Unvalidated};
use serde::{Deserialize, Serialize};

use super::super::domain::Invalid;

/// Longest rule.
pub(super) const MAX: usize = 500;
/// Most times that a rule may name on one day.
const MOST_TIMES: usize = 24;

/// A recurrence rule (RFC 5545, 3.3.10), without its `RRULE:`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(in super::super) struct Rule {
    text: String,
    /// All of it but COUNT and UNTIL.
    pattern: String,
    count: Option<u32>,
    until: Option<Until>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    Moment(DateTime<Utc>),
    /// In the zone of the task.
    Local(civil::DateTime),
}

fn invalid<T>(code: &'static str, message: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid {
        code,
        message: message.into(),
    })
}

impl Rule {
    /// Reads a rule in any case, with or without `RRULE:`.
    pub(in super::super) fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() > MAX {
            return invalid("too_long", "must have at most 500 characters");
        }
        let text = text.trim().to_ascii_uppercase();
        let text = text.strip_prefix("RRULE:").unwrap_or(&text);
        let mut parts = BTreeMap::new();
        for part in text.split(';') {
            let Some((name, value)) = part.split_once('=') else {
                return malformed();
            };
            if parts.insert(name, value).is_some() {
                return malformed();
            }
        }
        let pattern = text.split(';').filter(|part| !part.starts_with("COUNT="));
        let pattern: Vec<_> = pattern.filter(|part| !part.starts_with("UNTIL=")).collect();
        check_work(&parts)?;
        let count = parts.get("COUNT").map(|count| parse_count(count));
        let until = parts.get("UNTIL").map(|until| parse_until(until));
        let rule = Self {
            pattern: pattern.join(";"),
            count: count.transpose()?,
            until: until.transpose()?,
            text: text.to_owned(),
        };
        if rule.count.is_some() && rule.until.is_some() {
            return invalid("malformed", "must not have both COUNT and UNTIL");
        }
        if rule.library().is_none() {
            return malformed();
        }
        Ok(rule)
    }

    pub(in super::super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The rule for those who begin to count with that occurrence.
    pub(super) fn remaining(&self, number: u32) -> String {
        match self.count {
            Some(count) => format!("{};COUNT={}", self.pattern, count - number.min(count) + 1),
            None => self.text.clone(),
        }
    }

    /// Whether an occurrence is beyond the end. COUNT counts from 1.
    pub(super) fn ended(&self, number: u32, local: civil::DateTime, moment: DateTime<Utc>) -> bool {
        let beyond = match self.until {
            Some(Until::Moment(until)) => moment > until,
            Some(Until::Local(until)) => local > until,
            None => false,
        };
        beyond || self.count.is_some_and(|count| number > count)
    }

    /// The local times after this one that the rule names, in order, each once.
    /// Whatever the rule, a step does bounded work: it gives up instead.
    ///
    /// An occurrence may be taken for the start, as it is in step with the
    /// interval and has the time and day that the start gives to the rest.
    pub(super) fn after(&self, local: civil::DateTime) -> impl Iterator<Item = civil::DateTime> {
        let set = self.starting_at(local);
        let mut last = local;
        let times = set.into_iter().flat_map(|set| {
            // The iterator borrows the set only to make its own copies.
            (&set)
                .into_iter()
                .filter_map(|time| civil_time(time.naive_utc()))
        });
        times.filter(move |time| {
            let later = *time > last;
            last = last.max(*time);
            later
        })
    }

    fn starting_at(&self, local: civil::DateTime) -> Option<RRuleSet> {
        let start = NaiveDateTime::from_str(&local.to_string()).ok()?;
        // Local time as if it were UTC, where every time exists once.
        let start = Tz::UTC.from_utc_datetime(&start);
        Some(self.library()?.build(start).ok()?.limit())
    }

    fn library(&self) -> Option<RRule<Unvalidated>> {
        self.pattern.parse().ok()
    }
}

fn malformed<T>() -> Result<T, Invalid> {
    invalid(
        "malformed",
        "must be a recurrence rule (RFC 5545), such as FREQ=WEEKLY;BYDAY=MO,TH",
    )
}

/// Refuses what would name more occurrences than anybody can do.
fn check_work(parts: &BTreeMap<&str, &str>) -> Result<(), Invalid> {
    match parts.get("FREQ") {
        Some(&"HOURLY" | &"DAILY" | &"WEEKLY" | &"MONTHLY" | &"YEARLY") => {}
        Some(&"SECONDLY" | &"MINUTELY") => {
            return invalid("unsupported_frequency", "must not repeat within an hour");
        }
        _ => return malformed(),
    }
    if parts.contains_key("BYSECOND") {
        return invalid("unsupported_part", "must not have BYSECOND");
    }
    if parts
        .get("INTERVAL")
        .is_some_and(|interval| interval.parse::<u16>().is_ok_and(|n| n == 0))
    {
        return invalid("out_of_range", "INTERVAL must be from 1 to 65535");
    }
    let values = |name: &str| parts.get(name).map_or(1, |list| list.split(',').count());
    if values("BYHOUR") * values("BYMINUTE") > MOST_TIMES {
        return invalid("too_many", "must name at most 24 times a day");
    }
    Ok(())
}

fn parse_count(text: &str) -> Result<u32, Invalid> {
    let count = text
        .parse()
        .ok()
        .filter(|count| (1..=100_000).contains(count));
    count.ok_or_else(|| Invalid {
        code: "out_of_range",
        message: "COUNT must be from 1 to 100000".to_owned(),
    })
}

/// A moment in UTC; or, as many write it, a local time or the end of a day.
fn parse_until(text: &str) -> Result<Until, Invalid> {
    let local = |text: &str| civil::DateTime::strptime("%Y%m%dT%H%M%S", text).ok();
    let until = match text.strip_suffix('Z') {
        Some(utc) => NaiveDateTime::parse_from_str(utc, "%Y%m%dT%H%M%S")
            .ok()
            .map(|time| Until::Moment(time.and_utc())),
        None if text.len() == 8 => local(&format!("{text}T235959")).map(Until::Local),
        None => local(text).map(Until::Local),
    };
    until.ok_or_else(|| Invalid {
        code: "malformed",
        message: "UNTIL must be a date or time such as 20261231T230000Z".to_owned(),
    })
}

fn civil_time(time: NaiveDateTime) -> Option<civil::DateTime> {
    time.format("%Y-%m-%dT%H:%M:%S").to_string().parse().ok()
}

impl TryFrom<String> for Rule {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).map_err(|_| "no recurrence rule")
    }
}

impl From<Rule> for String {
    fn from(rule: Rule) -> Self {
        rule.text
    }
}
