//! iCalendar (RFC 5545). Properties are read and written by a library; components
//! are taken apart here, one to-do at a time.

mod components;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub(super) use components::Calendar;
pub(super) use write::{BEGIN, END, write};
