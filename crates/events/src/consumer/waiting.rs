//! Messages that were taken up and wait for their turn: in order for each key,
//! whatever the order of keys.

use std::collections::HashSet;
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
    queue: Vec<(KeyHash, T)>,
    busy: HashSet<KeyHash>,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self {
            queue: Vec::new(),
            busy: HashSet::new(),
        }
    }
}

impl<T> Waiting<T> {
    pub fn push(&mut self, key: KeyHash, item: T) {
        self.queue.push((key, item));
    }

    /// Whether there is work that may begin.
    pub fn is_ready(&self) -> bool {
        self.queue.iter().any(|(key, _)| !self.busy.contains(key))
    }

    /// Takes up to `most` items (and about `bytes` bytes) of keys that nobody
    /// works on, in order. Their keys are busy until [`Waiting::release`].
    pub fn take(
        &mut self,
        most: usize,
        bytes: usize,
        size: impl Fn(&T) -> usize,
    ) -> Vec<(KeyHash, T)> {
        let busy = &self.busy;
        let mut total = 0;
        let taken: Vec<_> = self
            .queue
            .extract_if(.., |(key, item)| {
                let takes = total < bytes && !busy.contains(key);
                if takes {
                    total += size(item);
                }
                takes
            })
            .take(most)
            .collect();
        self.busy.extend(taken.iter().map(|(key, _)| *key));
        taken
    }

    /// The work on a key ended.
    pub fn release(&mut self, key: KeyHash) {
        self.busy.remove(&key);
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

    fn numbers(taken: &[(KeyHash, usize)]) -> Vec<usize> {
        taken.iter().map(|(_, n)| *n).collect()
    }

    #[test]
    fn a_key_that_is_worked_on_waits_and_others_do_not() {
        let mut waiting = filled(&[1, 2, 1, 3]);
        assert_eq!(numbers(&waiting.take(1, 9, |_| 1)), [0]);
        assert_eq!(numbers(&waiting.take(9, 9, |_| 1)), [1, 3]);
        assert!(!waiting.is_ready());
        waiting.release(key(1));
        assert_eq!(numbers(&waiting.take(9, 9, |_| 1)), [2]);
    }

    #[test]
    fn one_batch_may_hold_several_of_a_key_in_order() {
        let mut waiting = filled(&[1, 1, 2, 1]);
        assert_eq!(numbers(&waiting.take(9, 9, |_| 1)), [0, 1, 2, 3]);
    }

    #[test]
    fn bytes_bound_a_batch_but_one_item_always_goes() {
        let mut waiting = filled(&[1, 2, 3]);
        assert_eq!(numbers(&waiting.take(9, 10, |_| 100)), [0]);
        assert_eq!(numbers(&waiting.take(9, 150, |_| 100)), [1, 2]);
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
                    running.push(waiting.take(most, usize::MAX, |_| 1));
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
