//! The gateway as its clients see it: real processes, over HTTP and WebSocket.
#![allow(clippy::disallowed_methods, reason = "tests ask as the outside does")]

mod accounts;
mod alerts;
mod client;
mod instances;
mod migrations;
mod notifications;
mod rooms;
