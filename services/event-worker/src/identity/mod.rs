//! Who a customer is: by the handles that messages come from.
//!
//! A customer is a set of handles in normal form, and a handle belongs to one
//! customer. A message brings its sender's handle, and perhaps others that the
//! channel vouches for; all of them belong together:
//!
//! - none of them is known: a new customer ([`Resolution::Created`]);
//! - they lead to one customer: that one, with what is new added
//!   ([`Resolution::Matched`]);
//! - they lead to several: these turn out to be one, and become the oldest of them
//!   ([`Resolution::Merged`]);
//! - it cannot be told ([`Resolution::Ambiguous`]): a handle that the sender only
//!   claims belongs to another customer, or a merge would give a customer more
//!   handles than a person has. Then the message stays with whom its sender's own
//!   handle says, and a row in `identity_reviews` is for a person to decide
//!   (`glasshouse reviews`); those whom they find to be one become so by [`unite`].
//!
//! A claim that leads nowhere is not kept: whoever types an address into a form
//! shall not be taken for its owner later.
//!
//! Messages are worked on at once, by several workers. Each locks the names of its
//! handles, then those of the customers they lead to, until the end of its
//! transaction; what was found before the second locks is looked up again after
//! them. `identity_lock` (in the migration) tells why no two wait for each other.

mod handle;
mod resolve;
mod store;

pub(crate) use handle::{Handle, InvalidHandle};
pub(crate) use resolve::{Handles, Identity, Resolution, resolve, unite};
