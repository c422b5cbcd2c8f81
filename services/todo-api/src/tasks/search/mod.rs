//! Finding tasks: filters, full text, orders, pages and counts.

mod counts;
mod cursor;
mod filter;
mod order;
mod routes;
mod store;
mod words;

pub(super) use cursor::Cursor;
pub(super) use filter::{Filter, FilterQuery, Filtered};
pub(super) use order::Order;
pub(super) use routes::router;
pub(super) use store::Part;
