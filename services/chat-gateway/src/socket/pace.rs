//! How fast one socket may ask for things.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Lets a burst of one second's frames through, then so many a second. Who is
/// faster waits, and TCP makes the sender wait.
#[derive(Debug)]
pub struct Pace {
    step: Duration,
    burst: Duration,
    next: Instant,
}

impl Pace {
    /// So many a second.
    pub fn new(per_second: u32) -> Self {
        let step = Duration::from_secs(1) / per_second.max(1);
        Self {
            step,
            burst: Duration::from_secs(1),
            next: Instant::now(),
        }
    }

    /// Waits for the next turn.
    pub async fn turn(&mut self) {
        sleep_until(self.due(Instant::now())).await;
    }

    /// When somebody who asks at `now` has the turn.
    fn due(&mut self, now: Instant) -> Instant {
        let earliest = now.checked_sub(self.burst).unwrap_or(now);
        self.next = self.next.max(earliest) + self.step;
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_the_rest_is_paced() {
        let mut pace = Pace::new(10);
        // A minute later: what was not used in the meantime is one burst.
        let now = Instant::now() + Duration::from_secs(60);
        for turn in 1..=10 {
            assert!(pace.due(now) <= now, "turn {turn} waits");
        }
        for turn in 1..=20 {
            assert_eq!(pace.due(now), now + Duration::from_millis(100) * turn);
        }
    }
}
