//! One change to many tasks, with a result for each.

mod action;
mod body;
mod routes;

pub(super) use routes::router;
