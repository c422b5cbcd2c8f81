//! The schedule of reminders: the real process, told by real events, on a
//! database whose scheduler's clock the test sets.

mod clock;
mod fixture;
mod migrations;
mod planning;
mod workers;
