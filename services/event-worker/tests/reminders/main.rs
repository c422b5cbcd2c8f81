//! The schedule of reminders: the real process, told by real events, on a
//! database whose scheduler's clock the test sets.
#![allow(clippy::disallowed_methods, reason = "tests ask as the outside does")]

mod clock;
mod fixture;
mod migrations;
mod planning;
mod workers;
