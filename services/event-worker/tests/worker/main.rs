//! The worker as a real process, told by real events.

#![allow(clippy::disallowed_methods, reason = "tests ask as the outside does")]

mod reminders;
mod tickets;
