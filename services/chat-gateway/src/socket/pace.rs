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
        let now = Instant::now();
        let earliest = now.checked_sub(self.burst).unwrap_or(now);
        self.next = self.next.max(earliest) + self.step;
        sleep_until(self.next).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_the_rest_is_paced() {
        tokio::time::advance(Duration::from_secs(60)).await;
        let start = Instant::now();
        let mut pace = Pace {
            next: start - Duration::from_secs(1),
            ..Pace::new(10)
        };
        for _ in 0..10 {
            pace.turn().await;
        }
        assert!(start.elapsed() < Duration::from_millis(10));
        for _ in 0..20 {
            pace.turn().await;
        }
        assert!(start.elapsed() >= Duration::from_secs(2));
    }
}
