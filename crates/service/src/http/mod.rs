//! The public port: how connections are served and what every request gets.

mod extract;
mod guard;
mod probes;
mod rate_limit;
mod serve;
mod shed;
mod standard;
mod unread;

pub use extract::{Body, Json, Path, Query, read_json};
pub(crate) use probes::{detailed, probes, ready, startup};
pub use rate_limit::RateLimit;
pub use serve::serve;
pub(crate) use serve::{Limits, accept};
pub use standard::standard;
pub(crate) use standard::starting;
