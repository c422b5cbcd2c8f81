//! The three services together, as real processes on real backing services. One
//! program, as its tests mostly wait: while one does, another runs.

#![allow(clippy::disallowed_methods, reason = "tests ask as the outside does")]

mod bad_input;
mod bad_messages;
mod canaries;
mod catalogue;
mod configuration;
mod documents;
mod journey;
mod limits_of_telemetry;
mod load;
mod probes;
mod rate_limit;
mod shutdown;
mod transactions;
