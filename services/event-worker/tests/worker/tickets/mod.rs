//! Customers write and are answered: the real process, fed through Kafka.

mod bad_messages;
mod conversation;
mod fixture;
mod identity;
mod personal_data;
mod retention;
mod reviews;
mod storm;
