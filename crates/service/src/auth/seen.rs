use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

use crate::metrics;

const WINDOW: Duration = Duration::from_secs(300);
/// Beyond this many users the gauge stops growing; memory matters more.
const CAPACITY: usize = 100_000;

/// When each user was last seen, for the gauge `active_users`. It learns of a
/// user each time a token is verified anew, which is every minute.
#[derive(Default)]
pub(super) struct Seen(Mutex<HashMap<Uuid, Instant>>);

impl Seen {
    /// Keeps the gauge up to date with every scrape.
    pub(super) fn report(seen: &Arc<Self>) {
        let gauge = metrics::ACTIVE_USERS.gauge_handle(&[]);
        let seen = Arc::downgrade(seen);
        telemetry::metrics::on_scrape(move || {
            if let Some(seen) = seen.upgrade() {
                gauge.set(seen.count(Instant::now()) as f64);
            }
        });
    }

    pub(super) fn add(&self, user: Uuid) {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() < CAPACITY || users.contains_key(&user) {
            users.insert(user, Instant::now());
        }
    }

    fn count(&self, now: Instant) -> usize {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        users.retain(|_, last| now.duration_since(*last) < WINDOW);
        users.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_users_once_and_forgets_them() {
        let seen = Seen::default();
        let user = Uuid::from_u128(1);
        seen.add(user);
        seen.add(user);
        seen.add(Uuid::from_u128(2));
        assert_eq!(seen.count(Instant::now()), 2);
        assert_eq!(seen.count(Instant::now() + WINDOW), 0);
    }
}
