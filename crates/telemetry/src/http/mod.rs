//! HTTP instrumentation: one tower layer for servers, one function for clients.

mod client;
mod request_id;
mod routes;
mod server;

pub use client::send;
pub use routes::preregister;
pub use server::{Server, ServerLayer};
