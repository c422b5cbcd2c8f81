//! The API as its clients see it: the real process, over HTTP, with the events
//! that it leaves on Kafka.
// Clients talk to it as the world does: without a trace of their own.
#![allow(clippy::disallowed_methods)]

mod changes;
mod client;
mod document;
mod listing;
mod refusals;
