//! The launcher: starts Glasshouse with everything it needs, and ends it again.

pub mod backing;
pub mod check;
pub mod cli;
pub mod command;
pub mod components;
pub mod http;
pub mod journey;
pub mod output;
pub mod probe;
pub mod progress;
pub mod project;
pub mod provision;
pub mod signing;
pub mod slo;
pub mod state;
pub mod supervise;
pub mod table;
pub mod tools;
pub mod up;
