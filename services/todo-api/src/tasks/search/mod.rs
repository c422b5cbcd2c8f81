//! Finding tasks: filters, full text, orders, pages and counts.

mod counts;
mod cursor;
mod filter;
mod order;
mod routes;
mod store;
mod words;

pub(super) use routes::router;
