//! Starts the real services on real backing services, and reads back what they
//! did: answers, events, metrics, log lines and spans.
//!
//! Each test has its own databases and topic prefix; the PostgreSQL, Redis and
//! Kafka behind them are shared by the run (`glasshouse backing -- cargo test`)
//! or, without it, started once for each test binary.
// Tests talk to the services as the world does: without a trace of their own.
#![allow(clippy::disallowed_methods)]

mod backing;
mod channels;
mod database;
mod kafka;
mod otlp;
mod prometheus;
mod proxy;
mod schemas;
mod schemathesis;
mod service;
mod socket;
mod system;
mod token;
mod wait;

pub use backing::Backing;
pub use channels::{Channels, Inbound};
pub use database::Database;
pub use kafka::{Kafka, Record};
pub use otlp::{Attributes, Log, OtlpReceiver, Span};
pub use prometheus::Samples;
pub use proxy::Proxy;
pub use schemas::Schemas;
pub use schemathesis::hold_to_document;
pub use service::{Log as LogLine, Service, ServiceBuilder};
pub use socket::Socket;
pub use system::{System, SystemBuilder};
pub use token::{KeyPair, Who};
pub use wait::{PATIENCE, eventually};

/// The median; sorts what it is given.
///
/// # Panics
/// On an empty slice.
pub fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len() % 2 == 1 {
        figures[middle]
    } else {
        f64::midpoint(figures[middle - 1], figures[middle])
    }
}

/// A random prefix for names, so that tests that run together do not meet.
pub fn unique(what: &str) -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("{what}_{}", &id[..10])
}
