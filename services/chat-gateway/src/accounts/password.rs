//! Password hashing: argon2id, away from the async threads, a bounded number
//! at a time, since each one takes 7 MiB and a core for tens of milliseconds.
//!
//! The memory is kept and used again. Left to the allocator, each thread that
//! ever hashed would hold on to its own: half a gigabyte after a busy minute.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::sync::Semaphore;

use crate::error::Error;

/// Parameters of new hashes: of OWASP's equally strong choices the one with the
/// least memory. Older hashes carry their own.
const MEMORY_KIB: u32 = 7168;
const PASSES: u32 = 5;
const LANES: u32 = 1;

/// Verified in place of a missing account's hash, so that an unknown e-mail
/// address takes as long as a wrong password. Has the parameters above.
const NOBODY: &str = "$argon2id$v=19$m=7168,t=5,p=1$Z2xhc3Nob3VzZS1ub2JvZHk$\
                      OWsdfvD9fEOGd0RIPgVpdgYEcvdLLdaIJyTRSzBwtPs";

/// How many may wait for one that runs before new ones are turned away.
const WAITING_PER_RUNNING: usize = 16;

/// Hashes and verifies passwords.
#[derive(Clone, Debug)]
pub struct Passwords {
    running: Arc<Semaphore>,
    under_way: Arc<AtomicUsize>,
    limit: usize,
    memory: Arc<Memory>,
}

impl Passwords {
    /// At most `concurrency` at a time.
    #[must_use]
    pub fn new(concurrency: usize) -> Self {
        let concurrency = concurrency.max(1);
        Self {
            running: Arc::new(Semaphore::new(concurrency)),
            under_way: Arc::default(),
            limit: concurrency * (WAITING_PER_RUNNING + 1),
            memory: Arc::default(),
        }
    }

    /// The PHC string to store for `password`.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub async fn hash(&self, password: String) -> Result<String, Error> {
        let hashed = self.run(move |memory| {
            let salt: [u8; 16] = rand::random();
            let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
            let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
            memory.derive(params, password.as_bytes(), &salt, &mut output)?;
            let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
            Ok::<_, argon2::Error>(format!(
                "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${output}"
            ))
        });
        hashed
            .await?
            .map_err(|error| Error::internal("password_hashing", error))
    }

    /// Whether `password` belongs to `stored`; takes the same time without one.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, Error> {
        self.run(move |memory| {
            let known = stored.is_some();
            let matches = memory.matches(password.as_bytes(), stored.as_deref().unwrap_or(NOBODY));
            known && matches
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Memory) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let _place = Place::take(&self.under_way, self.limit).ok_or(Error::Busy)?;
        // The semaphore is never closed.
        let permit = Arc::clone(&self.running)
            .acquire_owned()
            .await
            .map_err(|_| Error::Busy)?;
        let memory = Arc::clone(&self.memory);
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work itself: a caller that gives up frees no core.
            let _permit = permit;
            work(&memory)
        });
        done.await
            .map_err(|error| Error::internal("password_hashing", error))
    }
}

/// As many buffers as ever were in use at the same time.
#[derive(Default)]
struct Memory(Mutex<Vec<Vec<Block>>>);

impl Memory {
    fn derive(
        &self,
        params: Params,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> argon2::Result<()> {
        // Whole buffers go in and out: a poisoned lock holds nothing broken.
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut blocks = spare.unwrap_or_default();
        blocks.resize(params.block_count(), Block::default());
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let derived = argon2.hash_password_into_with_memory(password, salt, output, &mut blocks);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(blocks);
        derived
    }

    fn matches(&self, password: &[u8], stored: &str) -> bool {
        let Ok(hash) = PasswordHash::new(stored) else {
            return false;
        };
        let (Ok(params), Some(salt), Some(expected)) =
            (Params::try_from(&hash), hash.salt, hash.hash)
        else {
            return false;
        };
        let mut output = vec![0; expected.len()];
        let derived = self.derive(params, password, salt.as_ref(), &mut output);
        // `Output` compares in constant time.
        derived.is_ok() && Output::new(&output).is_ok_and(|output| output == expected)
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

/// A place in the queue, given back also when the caller is cancelled.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(under_way: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        under_way
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
                (now < limit).then_some(now + 1)
            })
            .ok()
            .map(|_| Self(Arc::clone(under_way)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_verifies_its_own_password_only() {
        let passwords = Passwords::new(2);
        let hash = passwords
            .hash("correct horse".into())
            .await
            .expect("hashed");
        assert!(hash.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"));
        assert!(
            passwords
                .verify("correct horse".into(), Some(hash.clone()))
                .await
                .expect("verified")
        );
        assert!(
            !passwords
                .verify("wrong horse".into(), Some(hash))
                .await
                .expect("verified")
        );
        assert!(
            !passwords
                .verify("correct horse".into(), None)
                .await
                .expect("verified")
        );
    }

    #[tokio::test]
    async fn nobody_costs_as_much_as_somebody() {
        let somebody = Passwords::new(1).hash("x".into()).await.expect("hashed");
        let somebody = PasswordHash::new(&somebody).expect("a PHC string");
        let nobody = PasswordHash::new(NOBODY).expect("a PHC string");
        assert_eq!(nobody.params.to_string(), somebody.params.to_string());
        assert_eq!(
            nobody.hash.map(|hash| hash.len()),
            somebody.hash.map(|hash| hash.len())
        );
    }

    #[tokio::test]
    async fn hashes_of_other_tools_and_parameters_verify() {
        use argon2::PasswordHasher;
        let passwords = Passwords::new(1);
        let other = Argon2::default()
            .hash_password(b"correct horse")
            .expect("hashed")
            .to_string();
        assert!(other.contains("m=19456,t=2,p=1"));
        let ours = passwords
            .hash("correct horse".into())
            .await
            .expect("hashed");
        for stored in [other, ours] {
            assert!(
                passwords
                    .verify("correct horse".into(), Some(stored.clone()))
                    .await
                    .expect("verified")
            );
            assert!(
                !passwords
                    .verify("wrong".into(), Some(stored))
                    .await
                    .expect("verified")
            );
        }
        assert!(
            !passwords
                .verify("x".into(), Some("nonsense".into()))
                .await
                .expect("verified")
        );
        assert_eq!(passwords.memory.0.lock().expect("not poisoned").len(), 1);
    }

    #[test]
    fn the_queue_is_bounded_and_places_come_back() {
        let count = Arc::new(AtomicUsize::new(0));
        let first = Place::take(&count, 1);
        assert!(first.is_some() && Place::take(&count, 1).is_none());
        drop(first);
        assert!(Place::take(&count, 1).is_some());
    }
}
