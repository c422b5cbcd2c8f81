//! Tasks, which live in todo-api: asked for in chat, and shown on the page.

mod api;
mod direct;
pub mod intent;
mod routes;

pub use api::{Operation, TaskApi, TaskFailure};
pub use direct::Direct;
pub use routes::{announce, router};
