//! How many events go into one transaction: as many as take a moment. With a
//! quick handler the transaction is what costs, and many share it; with a slow
//! one nobody shall wait for the events that happen to be before it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a transaction shall be open.
const MOMENT: f64 = 0.05;
/// The most events in one transaction.
const MOST: usize = 64;
/// The weight of the latest measurement.
const NEWS: f64 = 0.5;

/// What an event has cost lately, in seconds. Begins as if one took the whole
/// moment, so that a slow handler does not begin with a long queue.
#[derive(Debug)]
pub(super) struct Pace(Mutex<f64>);

impl Default for Pace {
    fn default() -> Self {
        Self(Mutex::new(MOMENT))
    }
}

impl Pace {
    /// The most events that the next transaction should have.
    pub fn batch(&self) -> usize {
        let each = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Saturates, and is at least 1 for whatever is slow.
        ((MOMENT / each.max(1e-9)) as usize).clamp(1, MOST)
    }

    /// A transaction of `events` took `elapsed`.
    pub fn took(&self, events: usize, elapsed: Duration) {
        if events == 0 {
            return;
        }
        let each = elapsed.as_secs_f64() / events as f64;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known += (each - *known) * NEWS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(cost: impl Fn(usize) -> Duration) -> usize {
        let pace = Pace::default();
        for _ in 0..20 {
            let events = pace.batch();
            pace.took(events, cost(events));
        }
        pace.batch()
    }

    #[test]
    fn begins_with_one() {
        assert_eq!(Pace::default().batch(), 1);
    }

    #[test]
    fn where_the_transaction_costs_and_the_event_does_not_many_share_one() {
        assert_eq!(settled(|_| Duration::from_millis(5)), 64);
    }

    #[test]
    fn slow_events_stay_alone() {
        assert_eq!(settled(|events| Duration::from_secs(1) * events as u32), 1);
    }

    #[test]
    fn in_between_a_transaction_takes_a_moment() {
        let events = settled(|events| Duration::from_millis(5) * events as u32);
        assert!((8..=11).contains(&events), "{events}");
    }
}
