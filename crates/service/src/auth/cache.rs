use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::User;

/// Most tokens remembered: with 400 bytes each, less than 2 MB.
const CAPACITY: usize = 4096;
/// A token is verified again after this many seconds.
const FOR: u64 = 60;

/// Tokens that were verified, for as long as that may be believed.
#[derive(Default)]
pub(super) struct Cache(Mutex<HashMap<Arc<str>, Entry>>);

struct Entry {
    user: User,
    until: u64,
}

impl Cache {
    pub(super) fn get(&self, token: &str, now: u64) -> Option<User> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries
            .get(token)
            .filter(|entry| now < entry.until)
            .map(|entry| entry.user.clone())
    }

    pub(super) fn put(&self, user: User, now: u64) {
        let until = user.expires_at.min(now + FOR);
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= CAPACITY {
            entries.retain(|_, entry| now < entry.until);
        }
        if entries.len() >= CAPACITY {
            // Only valid tokens get here, so this many users are at work at
            // once. Forgetting all costs each of them one verification.
            entries.clear();
        }
        entries.insert(user.token.clone(), Entry { user, until });
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::Role;
    use super::*;

    fn user(token: &str, expires_at: u64) -> User {
        User {
            id: Uuid::nil(),
            name: "Ada".into(),
            role: Role::User,
            token: token.into(),
            expires_at,
        }
    }

    #[test]
    fn forgets_after_a_minute_or_at_the_end_of_the_token() {
        let cache = Cache::default();
        cache.put(user("long", 10_000), 100);
        cache.put(user("short", 110), 100);
        assert!(cache.get("long", 159).is_some() && cache.get("short", 109).is_some());
        assert!(cache.get("long", 160).is_none() && cache.get("short", 110).is_none());
    }

    #[test]
    fn stays_bounded() {
        let cache = Cache::default();
        for number in 0..2 * CAPACITY + 1 {
            cache.put(user(&number.to_string(), 10_000), 100);
        }
        assert!(cache.0.lock().unwrap().len() <= CAPACITY);
    }
}
