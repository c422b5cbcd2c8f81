//! What the steps of a journey speak.

pub(crate) mod capture;
pub(crate) mod connections;
pub(crate) mod fanout;
pub(crate) mod kafka;
pub(crate) mod parts;
pub(crate) mod sse;
pub(crate) mod upload;
pub(crate) mod webhook;
pub(crate) mod websocket;
