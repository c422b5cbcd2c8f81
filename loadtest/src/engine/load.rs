//! How busy a worker is: requests that wait while it has no time left wait for
//! the generator and not for the target.

use super::busy::Busy;
use super::pool::Pool;

/// From this share on a worker is taken to have no time left. What is asked far too
/// much is busy for about nine tenths: the rest is looking for what is ready.
const SATURATED: f64 = 0.8;

/// The worker's load since it was last looked at.
pub(super) struct Load {
    busy: Busy,
    held: u64,
}

impl Load {
    /// Of the runtime it is called on.
    pub(super) fn new() -> Self {
        Self {
            busy: Busy::new(),
            held: 0,
        }
    }

    /// What was written down so far has been handed on.
    pub(super) fn handed_on(&mut self) {
        self.held = 0;
    }

    /// Writes down the window that ends here.
    pub(super) fn look(&mut self, pool: &Pool) {
        let share = self.busy.share(pool.awake_in_vain.take());
        let mut record = pool.record.borrow_mut();
        record.busiest = record.busiest.max(share);
        if share >= SATURATED {
            record.held_by_generator += record.held - self.held;
        }
        self.held = record.held;
    }
}
