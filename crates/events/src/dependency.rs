//! One log line when something we depend on goes away, one when it is back,
//! however many pieces of work notice.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// While it stays away, it is said again this often.
const REMINDER: Duration = Duration::from_secs(60);

/// A dependency as seen by one user of it.
#[derive(Debug)]
pub struct Dependency {
    name: &'static str,
    user: &'static str,
    away: Mutex<Option<Away>>,
}

#[derive(Clone, Copy, Debug)]
struct Away {
    since: Instant,
    said: Instant,
}

impl Dependency {
    /// `user` is who notices, such as `outbox_relay`.
    pub fn new(name: &'static str, user: &'static str) -> Self {
        Self {
            name,
            user,
            away: Mutex::new(None),
        }
    }

    /// An attempt failed because the dependency is not there.
    pub fn lost(&self, reason: &str) {
        let now = Instant::now();
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let since = match *away {
            Some(known) if now - known.said < REMINDER => return,
            Some(known) => known.since,
            None => now,
        };
        *away = Some(Away { since, said: now });
        tracing::warn!(
            dependency = self.name,
            component = self.user,
            reason,
            away_seconds = (now - since).as_secs(),
            "dependency_lost"
        );
    }

    /// An attempt reached it.
    pub fn reached(&self) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = away.take() {
            tracing::info!(
                dependency = self.name,
                component = self.user,
                away_ms = known.since.elapsed().as_millis() as u64,
                "dependency_recovered"
            );
        }
    }

    /// Whether the last attempt failed.
    pub fn is_away(&self) -> bool {
        self.away
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }
}
