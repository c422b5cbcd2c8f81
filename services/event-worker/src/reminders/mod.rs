//! Reminders: what tasks ask for, kept in the database, fired when due.

mod handler;
mod plan;
mod scheduler;
mod store;

pub(crate) use handler::Handler;
pub(crate) use scheduler::fire;
