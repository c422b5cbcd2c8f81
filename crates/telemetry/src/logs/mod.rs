//! Logs: `tracing` events as one JSON object a line, and by OTLP.

mod json;
mod level;
mod line;
mod record;
mod sink;
mod subscriber;

pub use level::Level;
pub(crate) use level::Levels;
pub(crate) use sink::Sink;
pub(crate) use subscriber::JsonSubscriber;
