//! Connections that go from one request straight to the next.
//!
//! sqlx asks the database before it takes a connection back, in a task of its own:
//! a round trip more for every request. It is needed where something may have been
//! left behind, a transaction or an answer that nobody waited for. Who has waited
//! for all answers says so, and the next request has the connection at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::{Postgres, pool::PoolConnection};

use super::begin;

/// After so long the pool looks at a connection again: whether it still answers,
/// and whether it is too old.
const UNSEEN: Duration = Duration::from_secs(10);

/// How many connections of this process are kept and not in use: for the pool they
/// are lent out.
static IDLE: AtomicUsize = AtomicUsize::new(0);

pub(super) fn idle() -> usize {
    IDLE.load(Ordering::Relaxed)
}

/// A connection and since when the pool has not seen it.
#[derive(Debug)]
pub(super) struct Lent {
    pub connection: PoolConnection<Postgres>,
    pub since: Instant,
}

/// The connections that wait for the next request. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept(Arc<Mutex<Vec<Lent>>>);

impl Kept {
    /// The one that was used last, so that what a burst has left over ages.
    pub fn take(&self) -> Option<Lent> {
        loop {
            let lent = self.lock().pop()?;
            IDLE.fetch_sub(1, Ordering::Relaxed);
            if begin::is_certain(lent.since) {
                return Some(lent);
            }
            // Dropped, the pool has it, and will lend it to nobody.
        }
    }

    /// Keeps one that no answer is on its way to, and that is in no transaction.
    pub fn keep(&self, lent: Lent) {
        if lent.since.elapsed() < UNSEEN {
            IDLE.fetch_add(1, Ordering::Relaxed);
            self.lock().push(lent);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Lent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
