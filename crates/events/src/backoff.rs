//! Waiting between attempts: exponential, with full jitter, so that many who
//! failed together do not come back together.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Delays that grow from `base` to `cap`, each drawn uniformly from zero to its
/// bound ("full jitter").
#[derive(Debug)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    failures: u32,
    random: SmallRng,
}

impl Backoff {
    /// Starts without a failure.
    pub fn new(base: Duration, cap: Duration) -> Self {
        Self::seeded(base, cap, rand::random())
    }

    /// As [`Backoff::new`], with delays that can be repeated.
    pub fn seeded(base: Duration, cap: Duration, seed: u64) -> Self {
        Self {
            base,
            cap,
            failures: 0,
            random: SmallRng::seed_from_u64(seed),
        }
    }

    /// Counts a failure and says how long to wait before the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        let bound = self.bound();
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(self.random.random_range(0.0..=1.0))
    }

    /// Failures since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// It worked: the next delay is short again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    fn bound(&self) -> Duration {
        // 2^20 × any base is beyond any cap in use, and does not overflow.
        self.base
            .saturating_mul(1 << self.failures.min(20))
            .min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(seed: u64, n: usize) -> Vec<Duration> {
        let mut backoff = Backoff::seeded(Duration::from_millis(50), Duration::from_secs(5), seed);
        (0..n).map(|_| backoff.next_delay()).collect()
    }

    #[test]
    fn same_seed_same_delays() {
        assert_eq!(delays(7, 20), delays(7, 20));
        assert_ne!(delays(7, 20), delays(8, 20));
    }

    #[test]
    fn stays_within_a_bound_that_doubles_up_to_the_cap() {
        for seed in 0..100 {
            for (n, delay) in delays(seed, 100).into_iter().enumerate() {
                let bound = Duration::from_millis(50 << n.min(20)).min(Duration::from_secs(5));
                assert!(delay <= bound, "attempt {n}: {delay:?} > {bound:?}");
            }
        }
    }

    #[test]
    fn is_spread_over_the_whole_bound() {
        let last: Vec<_> = (0..1000).map(|seed| delays(seed, 12)[11]).collect();
        let below = last
            .iter()
            .filter(|d| **d < Duration::from_millis(2500))
            .count();
        assert!(
            (400..600).contains(&below),
            "{below} of 1000 in the lower half"
        );
    }

    #[test]
    fn starts_over_after_a_success() {
        let mut backoff = Backoff::seeded(Duration::from_millis(50), Duration::from_secs(5), 1);
        for _ in 0..10 {
            backoff.next_delay();
        }
        assert_eq!(backoff.failures(), 10);
        backoff.reset();
        assert!(backoff.next_delay() <= Duration::from_millis(50));
    }
}
