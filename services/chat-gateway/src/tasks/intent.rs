//! What a chat message asks for: "add a task buy milk tomorrow #home !high".
//!
//! The parser is deterministic and reads only whole words. After the opening
//! words it strips known clauses from the end; whatever is left is the title,
//! so a clause in the middle of a sentence stays part of it.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, Duration, FixedOffset, NaiveTime, TimeZone, Utc};
use serde::{Serialize, Serializer};

/// Durations beyond this are taken for a part of the title.
const FARTHEST: Duration = Duration::days(366);
const MAX_TAGS: usize = 10;

/// The moment and place a message was written in, which "tomorrow" depends on.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// When it was written.
    pub now: DateTime<Utc>,
    /// The writer's distance from UTC.
    pub offset: FixedOffset,
}

/// A task as the chat describes it; serialises as todo-api's request body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Draft {
    /// What is to be done. Empty when the message named nothing.
    pub title: String,
    /// `low`, `normal`, `high` or `urgent`.
    pub priority: &'static str,
    /// Words marked with `#`.
    pub tags: Vec<String>,
    /// When it must be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DateTime<Utc>>,
    /// When to remind the user: one reminder at most.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_list")]
    #[serde(rename = "reminders")]
    pub remind_at: Option<DateTime<Utc>>,
}

/// One reminder as todo-api's list of them.
fn as_list<S: Serializer>(at: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    let reminders = at.iter().map(|at| BTreeMap::from([("at", at)]));
    serializer.collect_seq(reminders)
}

/// The task that `text` asks for, if it asks for one.
#[must_use]
pub fn parse(text: &str, moment: Moment) -> Option<Draft> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut rest = &words[opening(&words)?..];
    let mut draft = Draft {
        title: String::new(),
        priority: "normal",
        tags: vec![],
        due_at: None,
        remind_at: None,
    };
    let mut prioritised = false;
    loop {
        let before = rest.len();
        if let Some((last, head)) = rest.split_last() {
            let last = bare(last);
            if let Some(tag) = last.strip_prefix('#').filter(|tag| is_tag(tag)) {
                if draft.tags.len() < MAX_TAGS {
                    draft.tags.insert(0, tag.to_owned());
                    rest = head;
                }
            } else if let Some(level) = priority(&last).filter(|_| !prioritised) {
                draft.priority = level;
                prioritised = true;
                rest = head;
            } else if let Some((length, clause)) = time_clause(rest, moment) {
                match clause {
                    Clause::Remind(at) if draft.remind_at.is_none() => {
                        draft.remind_at = Some(at);
                        rest = &rest[..rest.len() - length];
                    }
                    Clause::Due(at) if draft.due_at.is_none() => {
                        draft.due_at = Some(at);
                        rest = &rest[..rest.len() - length];
                    }
                    Clause::Remind(_) | Clause::Due(_) => {}
                }
            }
        }
        if rest.len() == before {
            break;
        }
        // "buy milk and remind me …": the joint belongs to the clause.
        if let Some((last, head)) = rest.split_last()
            && matches!(last.to_lowercase().as_str(), "and" | "," | ";" | "-")
            && !head.is_empty()
        {
            rest = head;
        }
    }
    draft.tags.dedup();
    draft.title = rest
        .join(" ")
        .trim_end_matches([',', ';', ':'])
        .trim()
        .to_owned();
    Some(draft)
}

/// How many words "add a task:" takes, if the message opens so.
fn opening(words: &[&str]) -> Option<usize> {
    let lower = |index: usize| words.get(index).map(|word| word.to_lowercase());
    let mut at = usize::from(lower(0)? == "please");
    if !matches!(lower(at)?.as_str(), "add" | "create" | "new" | "make") {
        return None;
    }
    at += 1;
    while matches!(lower(at)?.as_str(), "a" | "an" | "the" | "new" | "another") {
        at += 1;
    }
    let noun = lower(at)?;
    if !matches!(
        noun.trim_end_matches([':', ',', '-']),
        "task" | "todo" | "to-do"
    ) {
        return None;
    }
    at += 1;
    while matches!(lower(at).as_deref(), Some(":" | "-" | "to" | "called")) {
        at += 1;
    }
    Some(at)
}

enum Clause {
    Remind(DateTime<Utc>),
    Due(DateTime<Utc>),
}

/// The time clause at the end of `words` and the number of words it takes.
fn time_clause(words: &[&str], moment: Moment) -> Option<(usize, Clause)> {
    let lower: Vec<String> = words
        .iter()
        .rev()
        .take(6)
        .rev()
        .map(|word| bare(word))
        .collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let (length, at, day_only) = when(&lower, moment)?;
    let before = &lower[..lower.len() - length];
    if let [.., "remind", "me"] = before {
        // A whole day is too vague for a reminder: nine in the morning.
        let at = if day_only {
            at_hour(at, moment, 9)?
        } else {
            at
        };
        return Some((length + 2, Clause::Remind(at)));
    }
    let joint = usize::from(matches!(before, [.., "due" | "by" | "until"]));
    Some((length + joint, Clause::Due(at)))
}

/// A moment named by the last words: its length in words, the moment, and
/// whether only a day was named.
fn when(words: &[&str], moment: Moment) -> Option<(usize, DateTime<Utc>, bool)> {
    if let [.., "in", count, unit] = words {
        return Some((3, moment.now + span(count, unit)?, false));
    }
    if let [.., day @ ("today" | "tomorrow"), "at", clock] = words {
        return Some((3, on_day(day, clock_time(clock)?, moment)?, false));
    }
    if let [.., day @ ("today" | "tomorrow")] = words {
        return Some((
            1,
            on_day(day, NaiveTime::from_hms_opt(23, 59, 0)?, moment)?,
            true,
        ));
    }
    None
}

fn span(count: &str, unit: &str) -> Option<Duration> {
    let count: i64 = match count {
        "a" | "an" | "one" => 1,
        digits if digits.len() <= 6 && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok()?
        }
        _ => return None,
    };
    let one = match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => Duration::seconds(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Duration::minutes(1),
        "h" | "hour" | "hours" => Duration::hours(1),
        "day" | "days" => Duration::days(1),
        "week" | "weeks" => Duration::weeks(1),
        _ => return None,
    };
    let total = Duration::seconds(one.num_seconds().checked_mul(count)?);
    (count > 0 && total <= FARTHEST).then_some(total)
}

fn on_day(day: &str, time: NaiveTime, moment: Moment) -> Option<DateTime<Utc>> {
    let date = moment.now.with_timezone(&moment.offset).date_naive();
    let date = if day == "tomorrow" {
        date.checked_add_days(Days::new(1))?
    } else {
        date
    };
    let at = moment
        .offset
        .from_local_datetime(&date.and_time(time))
        .single()?;
    Some(at.with_timezone(&Utc))
}

fn at_hour(day: DateTime<Utc>, moment: Moment, hour: u32) -> Option<DateTime<Utc>> {
    let date = day.with_timezone(&moment.offset).date_naive();
    let at = moment
        .offset
        .from_local_datetime(&date.and_hms_opt(hour, 0, 0)?)
        .single()?;
    Some(at.with_timezone(&Utc))
}

/// `17:30`, `5pm` or `9am`.
fn clock_time(text: &str) -> Option<NaiveTime> {
    if let Some((hours, minutes)) = text.split_once(':') {
        return NaiveTime::from_hms_opt(hours.parse().ok()?, minutes.parse().ok()?, 0);
    }
    let (hours, add) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(hours), _) => (hours, 0),
        (_, Some(hours)) => (hours, 12),
        _ => return None,
    };
    let hours: u32 = hours.parse().ok().filter(|hour| (1..=12).contains(hour))?;
    NaiveTime::from_hms_opt(hours % 12 + add, 0, 0)
}

fn priority(word: &str) -> Option<&'static str> {
    match word {
        "!low" => Some("low"),
        "!normal" => Some("normal"),
        "!high" => Some("high"),
        "!urgent" | "!!" => Some("urgent"),
        _ => None,
    }
}

fn is_tag(tag: &str) -> bool {
    (1..=32).contains(&tag.len())
        && tag
            .chars()
            .all(|char| char.is_alphanumeric() || matches!(char, '-' | '_'))
}

fn bare(word: &str) -> String {
    word.trim_end_matches([',', '.', ';']).to_lowercase()
}

#[cfg(test)]
#[path = "intent_tests.rs"]
mod tests;
