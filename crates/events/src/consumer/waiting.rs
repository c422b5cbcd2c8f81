//! Messages that were taken up and wait for their turn: in order for each key,
//! whatever the order of keys.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Stands for a key. Two keys with the same number only wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct KeyHash(u64);

impl KeyHash {
    /// Messages without a key are one key: nobody said that they may overtake
    /// each other.
    pub fn of(key: Option<&[u8]>) -> Self {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// The queue, and the keys that are worked on.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    queue: VecDeque<(KeyHash, T)>,
    busy: HashSet<KeyHash>,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            busy: HashSet::new(),
        }
    }
}

impl<T> Waiting<T> {
    pub fn push(&mut self, key: KeyHash, item: T) {
        self.queue.push_back((key, item));
    }

    /// Whether there is work that may begin.
    pub fn is_ready(&self) -> bool {
        self.queue.iter().any(|(key, _)| !self.is_busy(key))
    }

    /// Takes up to `most` items (and about `bytes` bytes) of keys that nobody
    /// works on, in order. Work on them that does not end at once has to
    /// [`Waiting::hold`] their keys.
    pub fn take(
        &mut self,
        most: usize,
        bytes: usize,
        size: impl Fn(&T) -> usize,
        mut give: impl FnMut(KeyHash, T),
    ) {
        let (mut taken, mut total) = (0, 0);
        let mut left = VecDeque::new();
        while taken < most
            && total < bytes
            && let Some((key, item)) = self.queue.pop_front()
        {
            if self.is_busy(&key) {
                left.push_back((key, item));
            } else {
                taken += 1;
                total += size(&item);
                give(key, item);
            }
        }
        for passed_over in left.into_iter().rev() {
            self.queue.push_front(passed_over);
        }
    }

    /// Somebody works on a key, until [`Waiting::release`].
    pub fn hold(&mut self, key: KeyHash) {
        self.busy.insert(key);
    }

    /// The work on a key ended.
    pub fn release(&mut self, key: KeyHash) {
        if !self.busy.is_empty() {
            self.busy.remove(&key);
        }
    }

    fn is_busy(&self, key: &KeyHash) -> bool {
        !self.busy.is_empty() && self.busy.contains(key)
    }

    /// Forgets what did not begin.
    pub fn clear(&mut self) {
        self.queue.clear();
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn key(n: u64) -> KeyHash {
        KeyHash(n)
    }

    fn filled(keys: &[u64]) -> Waiting<usize> {
        let mut waiting = Waiting::default();
        for (n, k) in keys.iter().enumerate() {
            waiting.push(key(*k), n);
        }
        waiting
    }

    fn take(waiting: &mut Waiting<usize>, most: usize, bytes: usize) -> Vec<(KeyHash, usize)> {
        let mut taken = Vec::new();
        waiting.take(most, bytes, |_| 1, |key, n| taken.push((key, n)));
        for (key, _) in &taken {
            waiting.hold(*key);
        }
        taken
    }

    fn numbers(taken: &[(KeyHash, usize)]) -> Vec<usize> {
        taken.iter().map(|(_, n)| *n).collect()
    }

    #[test]
    fn a_key_that_is_worked_on_waits_and_others_do_not() {
        let mut waiting = filled(&[1, 2, 1, 3]);
        assert_eq!(numbers(&take(&mut waiting, 1, 9)), [0]);
        assert_eq!(numbers(&take(&mut waiting, 9, 9)), [1, 3]);
        assert!(!waiting.is_ready());
        waiting.release(key(1));
        assert_eq!(numbers(&take(&mut waiting, 9, 9)), [2]);
    }

    #[test]
    fn one_batch_may_hold_several_of_a_key_in_order() {
        let mut waiting = filled(&[1, 1, 2, 1]);
        assert_eq!(numbers(&take(&mut waiting, 9, 9)), [0, 1, 2, 3]);
    }

    #[test]
    fn bytes_bound_a_batch_but_one_item_always_goes() {
        let mut waiting = filled(&[1, 2, 3]);
        assert_eq!(numbers(&take(&mut waiting, 9, 1)), [0]);
        assert_eq!(numbers(&take(&mut waiting, 9, 2)), [1, 2]);
    }

    #[test]
    fn each_key_keeps_its_order_whatever_is_taken_and_released_when() {
        let seed: u64 = rand::random();
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        for _ in 0..200 {
            let keys: Vec<u64> = (0..100).map(|_| random.random_range(0..7)).collect();
            let mut waiting = filled(&keys);
            let (mut running, mut finished) = (Vec::new(), Vec::new());
            while finished.len() < keys.len() {
                if random.random() && waiting.is_ready() {
                    let most = random.random_range(1..9);
                    running.push(take(&mut waiting, most, usize::MAX));
                } else if !running.is_empty() {
                    let batch = running.swap_remove(random.random_range(0..running.len()));
                    for (key, n) in batch {
                        finished.push((key, n));
                        waiting.release(key);
                    }
                }
            }
            for k in 0..7 {
                let order: Vec<_> = finished.iter().filter(|(f, _)| *f == key(k)).collect();
                assert!(order.is_sorted_by_key(|(_, n)| *n), "key {k}: {order:?}");
            }
        }
    }
}
