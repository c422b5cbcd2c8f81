//! How far a partition has been processed: the position moves only over what is
//! done, in order, even where work is finished out of order.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

/// The bookkeeping of one assigned partition.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    position: Option<i64>,
    committed: Option<i64>,
    open: VecDeque<Open>,
}

#[derive(Debug)]
struct Open {
    offset: i64,
    time: DateTime<Utc>,
    done: bool,
}

impl Offsets {
    /// Where the group stands, as the broker says, while nothing was taken up.
    pub fn assume(&mut self, position: i64) {
        if self.position.is_none() {
            self.position = Some(position);
            self.committed = Some(position);
        }
    }

    /// A message was taken up. Messages are taken up in order; those between
    /// two of them do not exist (compacted, or control records).
    pub fn begin(&mut self, offset: i64, time: DateTime<Utc>) {
        self.position.get_or_insert(offset);
        self.open.push_back(Open {
            offset,
            time,
            done: false,
        });
    }

    /// A message needs no more work.
    pub fn done(&mut self, offset: i64) {
        // Nearly always the oldest.
        if self
            .open
            .pop_front_if(|open| open.offset == offset)
            .is_some()
        {
            self.position = Some(offset + 1);
        } else if let Ok(place) = self.open.binary_search_by_key(&offset, |open| open.offset) {
            self.open[place].done = true;
        }
        while let Some(Open { offset, .. }) = self.open.pop_front_if(|open| open.done) {
            self.position = Some(offset + 1);
        }
    }

    /// The first offset that is not done. None while nothing is known.
    pub fn position(&self) -> Option<i64> {
        self.position
    }

    /// How many messages were taken up since the oldest that is not done.
    pub fn ahead(&self) -> usize {
        self.open.len()
    }

    /// The time of the oldest event that was taken up and is not done.
    pub fn oldest(&self) -> Option<DateTime<Utc>> {
        self.open.front().map(|open| open.time)
    }

    /// The position, if it is yet to be committed; from here on it counts as
    /// committed.
    pub fn take_uncommitted(&mut self) -> Option<i64> {
        let position = self.position.filter(|_| self.position != self.committed)?;
        self.committed = Some(position);
        Some(position)
    }

    /// The commit failed: the position is to be committed again.
    pub fn not_committed(&mut self) {
        self.committed = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(offsets: &[i64]) -> Offsets {
        let mut tracker = Offsets::default();
        for (n, offset) in offsets.iter().enumerate() {
            let time = DateTime::from_timestamp(n as i64, 0).expect("a time");
            tracker.begin(*offset, time);
        }
        tracker
    }

    #[test]
    fn what_is_finished_early_waits_for_what_is_before_it() {
        let mut tracker = with(&[5, 6, 7]);
        assert_eq!(tracker.position(), Some(5));
        tracker.done(7);
        tracker.done(6);
        assert_eq!(tracker.position(), Some(5));
        tracker.done(5);
        assert_eq!(tracker.position(), Some(8));
    }

    #[test]
    fn gaps_in_the_log_do_not_hold_it_up() {
        let mut tracker = with(&[5, 9, 12]);
        tracker.done(5);
        assert_eq!(tracker.position(), Some(6));
        tracker.done(9);
        assert_eq!(tracker.position(), Some(10));
    }

    #[test]
    fn the_oldest_is_the_first_that_is_not_done() {
        let mut tracker = with(&[5, 6]);
        tracker.done(6);
        assert_eq!(tracker.oldest().map(|t| t.timestamp()), Some(0));
        tracker.done(5);
        assert_eq!(tracker.oldest(), None);
    }

    #[test]
    fn a_position_is_committed_once_unless_that_failed() {
        let mut tracker = with(&[5, 6]);
        tracker.done(5);
        assert_eq!(tracker.take_uncommitted(), Some(6));
        assert_eq!(tracker.take_uncommitted(), None);
        tracker.not_committed();
        assert_eq!(tracker.take_uncommitted(), Some(6));
        tracker.done(6);
        assert_eq!(tracker.take_uncommitted(), Some(7));
    }

    #[test]
    fn what_the_broker_says_counts_until_something_is_taken_up() {
        let mut tracker = Offsets::default();
        assert_eq!(
            (tracker.position(), tracker.take_uncommitted()),
            (None, None)
        );
        tracker.assume(40);
        assert_eq!(
            (tracker.position(), tracker.take_uncommitted()),
            (Some(40), None)
        );
        tracker.begin(41, Utc::now());
        tracker.assume(7);
        assert_eq!(tracker.position(), Some(40));
        tracker.done(41);
        assert_eq!(tracker.take_uncommitted(), Some(42));
    }

    #[test]
    fn done_twice_or_unknown_changes_nothing() {
        let mut tracker = with(&[5]);
        tracker.done(99);
        assert_eq!(tracker.position(), Some(5));
        tracker.done(5);
        tracker.done(5);
        assert_eq!(tracker.position(), Some(6));
    }
}
