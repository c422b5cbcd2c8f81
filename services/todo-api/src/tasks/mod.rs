//! Tasks: what they are, what may be sent, how they are kept.

mod body;
mod bulk;
mod count;
mod domain;
mod fields;
mod operation;
mod recurrence;
mod reminders;
mod routes;
mod search;
mod store;
mod task;
mod transfer;
mod version;
mod zone;

pub(crate) use count::count_tasks;
pub use operation::Operation;
pub(crate) use routes::{router, start_series};
