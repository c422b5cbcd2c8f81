//! What customers write (`chat.inbound.v1`) becomes tickets, and every message is
//! answered (`chat.replies.v1`).
//!
//! A customer has at most one open ticket; a message continues it, on whatever
//! channel it comes, or opens one. If customers turn out to be one, the oldest of
//! their open tickets takes over the messages of the others. A message, its
//! ticket, its customer and its reply commit together.
//!
//! What people wrote and their handles are personal data: they stand in the
//! tables, in the events and in the dead letters, and in no log, span or metric.
//! How long they stay: [`forget`].

mod handler;
mod message;
mod priority;
mod retention;
mod reviews;
mod store;

pub(crate) use handler::Handler;
pub(crate) use retention::forget;
pub(crate) use reviews::carry_out;
