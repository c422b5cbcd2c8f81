//! Customers write and are answered: the real process, fed through Kafka.
#![allow(clippy::disallowed_methods, reason = "tests ask as the outside does")]

mod bad_messages;
mod conversation;
mod fixture;
mod identity;
mod personal_data;
mod retention;
mod reviews;
mod storm;
