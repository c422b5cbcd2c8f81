//! The API as its clients see it: the real process, over HTTP, with the events
//! that it leaves on Kafka.
#![allow(clippy::disallowed_methods, reason = "tests ask as the outside does")]

mod bulk;
mod changes;
mod client;
mod document;
mod features;
mod idempotency;
mod limits;
mod listing;
mod migrations;
mod orders;
mod overload;
mod recurrence;
mod refusals;
mod reminders;
mod search;
mod transfer;
