//! How often, and for how long, a transient error is retried.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::HandlerError;
use crate::backoff::Backoff;

/// A budget for the retries of one event.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Attempts, the first included.
    pub attempts: u32,
    /// Bound of the first delay; it doubles with each.
    pub base: Duration,
    /// Bound of every delay.
    pub cap: Duration,
}

impl Default for Budget {
    /// Eight attempts: on average six seconds, at most thirteen.
    fn default() -> Self {
        Self {
            attempts: 8,
            base: Duration::from_millis(100),
            cap: Duration::from_secs(5),
        }
    }
}

/// The failures of one event so far.
#[derive(Debug)]
pub(super) struct Failures {
    budget: Budget,
    backoff: Backoff,
    /// Waiting for a dependency has its own delays and spends no attempts.
    outage: Backoff,
    attempts: u32,
    first_at: Option<DateTime<Utc>>,
}

/// What to do after a failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Try again after this.
    Retry(Duration),
    /// Try again after this; a dependency is away.
    Pause(Duration),
    /// Give up.
    DeadLetter(Verdict),
}

/// Why an event becomes a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub cause: &'static str,
    pub detail: String,
    pub attempts: u32,
    pub first_failed_at: DateTime<Utc>,
    pub last_failed_at: DateTime<Utc>,
}

impl Verdict {
    /// For what no attempt was worth.
    pub fn at_once(cause: &'static str, detail: String) -> Self {
        let now = Utc::now();
        Self {
            cause,
            detail,
            attempts: 1,
            first_failed_at: now,
            last_failed_at: now,
        }
    }
}

impl Failures {
    pub fn new(budget: Budget) -> Self {
        Self::with(budget, Backoff::new(budget.base, budget.cap))
    }

    fn with(budget: Budget, backoff: Backoff) -> Self {
        Self {
            budget,
            backoff,
            outage: Backoff::new(Duration::from_millis(200), Duration::from_secs(2)),
            attempts: 0,
            first_at: None,
        }
    }

    /// An attempt failed.
    pub fn add(&mut self, error: &HandlerError, now: DateTime<Utc>) -> Next {
        if matches!(error, HandlerError::Unavailable { .. }) {
            return Next::Pause(self.outage.next_delay());
        }
        self.outage.reset();
        self.attempts += 1;
        let first_failed_at = *self.first_at.get_or_insert(now);
        let exhausted = self.attempts >= self.budget.attempts;
        let (cause, detail) = match error {
            HandlerError::Permanent { cause, detail } => (*cause, detail.clone()),
            // Which error it was in the end is part of the story.
            _ if exhausted => ("retries_exhausted", error.to_string()),
            _ => return Next::Retry(self.backoff.next_delay()),
        };
        Next::DeadLetter(Verdict {
            cause,
            detail,
            attempts: self.attempts,
            first_failed_at,
            last_failed_at: now,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(attempts: u32, seed: u64) -> Failures {
        let budget = Budget {
            attempts,
            ..Budget::default()
        };
        Failures::with(budget, Backoff::seeded(budget.base, budget.cap, seed))
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).expect("a time")
    }

    #[test]
    fn a_transient_error_is_retried_until_the_budget_is_spent() {
        let error = HandlerError::transient("locked", "x");
        let mut failures = failures(3, 1);
        assert!(matches!(failures.add(&error, at(1)), Next::Retry(_)));
        assert!(matches!(failures.add(&error, at(2)), Next::Retry(_)));
        let Next::DeadLetter(verdict) = failures.add(&error, at(3)) else {
            panic!("a third attempt was to be the last");
        };
        assert_eq!(verdict.cause, "retries_exhausted");
        assert_eq!(verdict.detail, "locked: x");
        assert_eq!(verdict.attempts, 3);
        assert_eq!(
            (verdict.first_failed_at, verdict.last_failed_at),
            (at(1), at(3))
        );
    }

    #[test]
    fn a_permanent_error_is_not_retried() {
        let error = HandlerError::permanent("unknown_type", "x");
        let Next::DeadLetter(verdict) = failures(3, 1).add(&error, at(1)) else {
            panic!("no attempt is worth it");
        };
        assert_eq!((verdict.cause, verdict.attempts), ("unknown_type", 1));
    }

    #[test]
    fn an_outage_spends_no_budget() {
        let away = HandlerError::Unavailable {
            cause: "database",
            detail: String::new(),
        };
        let mut failures = failures(2, 1);
        for _ in 0..1000 {
            assert!(matches!(failures.add(&away, at(1)), Next::Pause(_)));
        }
        let error = HandlerError::transient("locked", "x");
        assert!(matches!(failures.add(&error, at(2)), Next::Retry(_)));
    }

    #[test]
    fn the_whole_budget_takes_seconds_and_not_minutes() {
        let budget = Budget::default();
        for seed in 0..200 {
            let mut failures = failures(budget.attempts, seed);
            let error = HandlerError::transient("locked", "x");
            let mut total = Duration::ZERO;
            while let Next::Retry(delay) = failures.add(&error, at(1)) {
                total += delay;
            }
            assert!(total <= Duration::from_millis(12_700), "{total:?}");
        }
    }
}
