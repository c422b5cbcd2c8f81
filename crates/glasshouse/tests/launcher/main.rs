//! The launcher's commands, and what it starts, watches and ends.

#![allow(clippy::disallowed_methods, reason = "tests ask as the outside does")]
#![allow(clippy::unwrap_used, reason = "a test's helper fails with it")]

mod alerting;
mod check;
mod commands;
mod help;
mod load;
mod ports;
mod private_services;
mod provision;
mod redrive;
mod slo;
mod supervision;
