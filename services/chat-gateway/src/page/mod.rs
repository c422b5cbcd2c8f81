//! The web page: files inside the binary, what the page must know, and the
//! state of the system for it to show.

mod assets;
mod routes;

pub use routes::{files, router};
