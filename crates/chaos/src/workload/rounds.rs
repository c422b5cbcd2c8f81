//! Reminders are for round times, like most people's: many come due together.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Between two round times.
pub const ROUND: Duration = Duration::from_secs(4);

/// The first round time after this.
pub fn next_round(time: DateTime<Utc>) -> DateTime<Utc> {
    let round = ROUND.as_millis() as i64;
    let left = round - time.timestamp_millis().rem_euclid(round);
    time + TimeDelta::milliseconds(left)
}
