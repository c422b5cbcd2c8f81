//! What every service of Glasshouse does in the same way: it reads its
//! configuration, starts telemetry, answers probes on an admin port, serves
//! HTTP with problem+json errors, and leaves in order when told to.
//!
//! A service's `main` fills in an [`App`] and calls [`main`]; everything else
//! it needs comes to it in its [`Runtime`].

mod admin;
mod app;
pub mod auth;
mod config;
pub mod database;
mod health;
pub mod http;
mod kafka;
mod memory;
pub mod metrics;
pub mod openapi;
pub mod planted;
pub mod problem;
mod profile;
mod shutdown;

pub use app::{App, BoxError, BoxFuture, Runtime, main};
pub use config::{Env, Secret, Setting, Settings};
pub use health::{Health, Kind};
pub use kafka::KafkaProbe;
pub use shutdown::Shutdown;
