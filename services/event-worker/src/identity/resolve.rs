//! From handles to the customer.

use std::collections::{BTreeMap, BTreeSet};

use events::consumer::HandlerError;
use sqlx::PgConnection;
use uuid::Uuid;

use super::handle::Handle;
use super::store;

/// More handles than a person has: a number that a whole office writes from shall
/// not make one customer of its people.
const MOST_HANDLES: i64 = 20;

/// The handles that a message brings.
pub(crate) struct Handles {
    /// Of the sender, as the channel says.
    pub sender: Handle,
    /// Of the same person, as the channel says.
    pub verified: BTreeSet<Handle>,
    /// Of the same person, as the sender says.
    pub claimed: BTreeSet<Handle>,
}

/// How a customer was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolution {
    /// Nobody knew the handles.
    Created,
    /// They lead to one customer.
    Matched,
    /// They led to several, who are one.
    Merged,
    /// It cannot be told; a person decides.
    Ambiguous,
}

/// Who a message is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub customer: Uuid,
    pub resolution: Resolution,
    /// Customers who have just become this one.
    pub absorbed: Vec<Uuid>,
}

/// Why it cannot be told who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The sender claims a handle of another customer.
    Unverified,
    /// Together they would have too many.
    TooManyHandles,
}

type Known = BTreeMap<Handle, Uuid>;

/// Finds, makes or merges the customer that these handles belong to, and keeps it
/// from others until the end of the transaction. `message` is what a review refers
/// to.
pub(crate) async fn resolve(
    tx: &mut PgConnection,
    handles: &Handles,
    message: Uuid,
) -> Result<Identity, HandlerError> {
    let known = lock(tx, handles).await?;
    let vouched: BTreeSet<&Handle> = handles.verified.iter().chain([&handles.sender]).collect();
    let found: BTreeSet<Uuid> = vouched
        .iter()
        .filter_map(|handle| known.get(*handle).copied())
        .collect();
    let new: Vec<&Handle> = vouched
        .into_iter()
        .filter(|handle| !known.contains_key(*handle))
        .collect();

    let mut doubts: Vec<(Uuid, Doubt)> = Vec::new();
    let customers: Vec<Uuid> = found.iter().copied().collect();
    let fits = customers.is_empty()
        || (new.is_empty() && customers.len() == 1)
        || store::count(tx, &customers).await? + new.len() as i64 <= MOST_HANDLES;
    let mut identity = if fits {
        join(tx, &customers, &new).await?
    } else {
        doubts.extend(found.iter().map(|other| (*other, Doubt::TooManyHandles)));
        match known.get(&handles.sender) {
            Some(customer) => Identity::of(*customer, Resolution::Matched),
            None => join(tx, &[], &[&handles.sender]).await?,
        }
    };
    let claimed = handles.claimed.iter();
    for other in claimed.filter_map(|handle| known.get(handle)) {
        // A customer of the claim may have just been merged.
        if !found.contains(other) || !fits {
            doubts.push((*other, Doubt::Unverified));
        }
    }
    doubts.retain(|(other, _)| *other != identity.customer);
    if !doubts.is_empty() {
        store::review(tx, identity.customer, &doubts, message).await?;
        identity.resolution = Resolution::Ambiguous;
    }
    Ok(identity)
}

/// Makes one customer of the two that a person has found to be the same, by the
/// oldest decision that is not carried out, and keeps it from others until the end of
/// the transaction. None if there is no such decision.
pub(crate) async fn unite(tx: &mut PgConnection) -> Result<Option<Identity>, HandlerError> {
    let Some(review) = store::decided(tx).await? else {
        return Ok(None);
    };
    let before = store::current(tx, review).await?;
    let names = before.iter().map(|id| format!("customer:{id}"));
    if !store::lock(tx, names.collect(), true).await? {
        return Err(busy());
    }
    // Not before the locks: a message that holds them may be about to ask again.
    let is_ours = store::answered(tx, review).await?;
    if !is_ours || store::current(tx, review).await? != before {
        return Err(busy());
    }
    let customers: Vec<Uuid> = before.into_iter().collect();
    join(tx, &customers, &[]).await.map(Some)
}

impl Identity {
    fn of(customer: Uuid, resolution: Resolution) -> Self {
        Self {
            customer,
            resolution,
            absorbed: Vec::new(),
        }
    }
}

/// Locks the handles and whom they lead to, and answers the latter.
async fn lock(tx: &mut PgConnection, handles: &Handles) -> Result<Known, HandlerError> {
    let all: BTreeSet<&Handle> = handles
        .verified
        .iter()
        .chain(&handles.claimed)
        .chain([&handles.sender])
        .collect();
    let names = all
        .iter()
        .map(|handle| format!("{}:{}", handle.kind().as_str(), handle.value()));
    if !store::lock(tx, names.collect(), false).await? {
        return Err(busy());
    }
    let before = store::find(tx, &all).await?;
    let customers: BTreeSet<Uuid> = before.values().copied().collect();
    let names = customers.iter().map(|id| format!("customer:{id}"));
    if !store::lock(tx, names.collect(), true).await? {
        return Err(busy());
    }
    if customers.is_empty() {
        return Ok(before);
    }
    // Somebody may have merged or forgotten them while we waited.
    let after = store::find(tx, &all).await?;
    if after == before {
        Ok(after)
    } else {
        Err(busy())
    }
}

/// Another attempt, in a transaction of its own, waits its turn.
fn busy() -> HandlerError {
    HandlerError::transient(
        "identity_busy",
        "another message of the customer is at work",
    )
}

/// Makes one customer of those found, be they none, one or several, with the
/// handles that are new.
async fn join(
    tx: &mut PgConnection,
    customers: &[Uuid],
    new: &[&Handle],
) -> Result<Identity, HandlerError> {
    // Ids are in order of time.
    let Some((oldest, absorbed)) = customers.split_first() else {
        let customer = Uuid::now_v7();
        store::create(tx, customer, new).await?;
        return Ok(Identity::of(customer, Resolution::Created));
    };
    if !new.is_empty() {
        store::link(tx, *oldest, new).await?;
    }
    if absorbed.is_empty() {
        return Ok(Identity::of(*oldest, Resolution::Matched));
    }
    store::merge(tx, *oldest, absorbed).await?;
    Ok(Identity {
        customer: *oldest,
        resolution: Resolution::Merged,
        absorbed: absorbed.to_vec(),
    })
}
