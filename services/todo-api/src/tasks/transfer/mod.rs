//! Tasks on their way out and in: JSON lines and iCalendar, streamed both ways.
//!
//! Out, a page at a time is read from the database and written as the client
//! takes it. In, a line at a time becomes an item, and a batch of items becomes
//! tasks with their events.

mod calendar;
mod export;
mod format;
mod import;
mod item;
mod json_lines;
mod lines;
mod report;
mod routes;
mod source;
mod store;

pub(super) use routes::router;
