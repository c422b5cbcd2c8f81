//! The outbox: an event is a row that commits with the state it tells of, and a
//! relay carries the rows to the broker.
//!
//! A service writes its rows in its own statement, so that state and event are
//! one round trip:
//!
//! ```sql
//! WITH changed AS (UPDATE … RETURNING …)
//! INSERT INTO outbox (id, topic, key, type, source, traceparent, body)
//! VALUES ($1, $2, $3, $4, $5, $6, $7)
//! ```
//!
//! `seq`, `shard`, `occurred_at` and the rest are the table's own.

mod batch;
mod entry;
mod gauges;
mod relay;
mod rest;
mod set_aside;
mod store;

pub use entry::{Entry, EntryError, MAX_BODY_BYTES};
pub use relay::{LANES, Relay};
pub use set_aside::{SetAside, set_aside, try_again};

/// The relay's SQL and its bounds, for whoever measures it.
pub mod statements {
    pub use super::store::{BYTES_PER_SHARD, CLAIM, DELETE, READ, ROWS_PER_SHARD, SHARDS};
}
