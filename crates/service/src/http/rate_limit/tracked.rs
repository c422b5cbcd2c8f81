use std::sync::{Mutex, PoisonError};

use governor::{
    nanos::Nanos,
    state::{
        InMemoryState, NotKeyed, StateStore,
        keyed::{DashMapStateStore, ShrinkableKeyedStateStore},
    },
};
use uuid::Uuid;

/// What is known of users, each by itself up to a number. Those who come when that
/// is reached share what is known of them: then too each is limited, and memory
/// stays what it is.
pub(super) struct Tracked {
    users: DashMapStateStore<Uuid>,
    most: usize,
    /// Held by whoever adds a user.
    adding: Mutex<()>,
    shared: Box<[InMemoryState]>,
}

/// Groups of those for whom there is no room.
const GROUPS: usize = 1024;

impl Tracked {
    pub(super) fn new(most: usize) -> Self {
        Self {
            users: DashMapStateStore::default(),
            most,
            adding: Mutex::default(),
            shared: (0..GROUPS).map(|_| InMemoryState::default()).collect(),
        }
    }

    /// Whether this user is known by itself from now on.
    fn has_place(&self, user: &Uuid) -> bool {
        if self.users.contains_key(user) {
            return true;
        }
        let _alone = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        if self.users.len() >= self.most {
            return self.users.contains_key(user);
        }
        self.users.entry(*user).or_default();
        true
    }

    fn group(&self, user: &Uuid) -> &InMemoryState {
        // Ids are random in their last bytes, whatever their version.
        let (_, low) = user.as_u64_pair();
        &self.shared[(low % GROUPS as u64) as usize]
    }
}

impl StateStore for Tracked {
    type Key = Uuid;

    fn measure_and_replace<T, F, E>(&self, user: &Uuid, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        if self.has_place(user) {
            self.users.measure_and_replace(user, f)
        } else {
            self.group(user).measure_and_replace(&NotKeyed::NonKey, f)
        }
    }
}

impl ShrinkableKeyedStateStore<Uuid> for Tracked {
    fn retain_recent(&self, drop_below: Nanos) {
        self.users.retain_recent(drop_below);
    }

    fn shrink_to_fit(&self) {
        self.users.shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.users.len()
    }

    fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}
