//! Slows down guessing: a bounded table of recent attempts by account and by
//! address. It lives in this process; several gateways allow as many times the
//! attempts, which is still nothing for somebody who guesses.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// Whose attempts are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// An e-mail address, by digest: it need not exist, and is not kept.
    Account([u8; 16]),
    /// The caller's address.
    Address(IpAddr),
    /// The caller's address, for new accounts.
    Newcomer(IpAddr),
}

impl Who {
    /// The key of an e-mail address.
    #[must_use]
    pub fn account(email: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(email.as_bytes()).into();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Self::Account(key)
    }
}

#[derive(Debug)]
struct Attempts {
    since: Instant,
    count: u32,
}

/// Counts attempts in a window that starts with the first one.
#[derive(Debug)]
pub struct Throttle {
    table: Mutex<HashMap<Who, Attempts>>,
    window: Duration,
    capacity: usize,
}

impl Throttle {
    /// Remembers at most `capacity` keys for `window`.
    #[must_use]
    pub fn new(window: Duration, capacity: usize) -> Self {
        Self {
            table: Mutex::default(),
            window,
            capacity,
        }
    }

    /// Counts an attempt before it is made, so that many at once do not slip
    /// through together.
    ///
    /// # Errors
    /// How long to wait, when there were `limit` attempts in the window.
    pub fn attempt(&self, who: Who, limit: u32, now: Instant) -> Result<(), Duration> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.len() >= self.capacity && !table.contains_key(&who) {
            table.retain(|_, attempts| now.duration_since(attempts.since) < self.window);
            if table.len() >= self.capacity {
                // Under an attack this wide, forget the least suspicious half
                // and keep counting those that stand out.
                let mut counts: Vec<u32> = table.values().map(|attempts| attempts.count).collect();
                let middle = counts.len() / 2;
                let median = *counts.select_nth_unstable(middle).1;
                table.retain(|_, attempts| attempts.count > median);
            }
        }
        let attempts = table.entry(who).or_insert(Attempts {
            since: now,
            count: 0,
        });
        let age = now.duration_since(attempts.since);
        if age >= self.window {
            *attempts = Attempts {
                since: now,
                count: 0,
            };
        } else if attempts.count >= limit {
            return Err(self.window - age);
        }
        attempts.count += 1;
        Ok(())
    }

    /// Takes an attempt back: it succeeded.
    pub fn forgive(&self, who: Who) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(attempts) = table.get_mut(&who) {
            attempts.count = attempts.count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const WINDOW: Duration = Duration::from_secs(60);

    #[test]
    fn the_limit_holds_for_the_window() {
        let (throttle, start) = (Throttle::new(WINDOW, 10), Instant::now());
        let who = Who::account("ada@example.org");
        for _ in 0..3 {
            assert_eq!(throttle.attempt(who, 3, start), Ok(()));
        }
        assert_eq!(
            throttle.attempt(who, 3, start + WINDOW / 2),
            Err(WINDOW / 2)
        );
        assert_eq!(
            throttle.attempt(Who::account("bob@example.org"), 3, start),
            Ok(())
        );
        assert_eq!(throttle.attempt(who, 3, start + WINDOW), Ok(()));
    }

    #[test]
    fn success_costs_nothing() {
        let (throttle, now) = (Throttle::new(WINDOW, 10), Instant::now());
        let who = Who::Address(Ipv4Addr::LOCALHOST.into());
        for _ in 0..100 {
            assert_eq!(throttle.attempt(who, 1, now), Ok(()));
            throttle.forgive(who);
        }
    }

    #[test]
    fn the_table_is_bounded_and_keeps_the_insistent() {
        let (throttle, now) = (Throttle::new(WINDOW, 100), Instant::now());
        let insistent = Who::account("target@example.org");
        for _ in 0..5 {
            assert_eq!(throttle.attempt(insistent, 5, now), Ok(()));
        }
        for number in 0..10_000u32 {
            assert_eq!(
                throttle.attempt(Who::Address(Ipv4Addr::from(number).into()), 5, now),
                Ok(())
            );
        }
        assert!(throttle.table.lock().expect("not poisoned").len() <= 100);
        assert!(throttle.attempt(insistent, 5, now).is_err());
    }
}
