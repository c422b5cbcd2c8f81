//! The only place where metrics, logs and traces are set up.
//!
//! Services never touch a span or metric API of a library: they call
//! [`span`], [`database::Query`], [`messaging`], [`http`] and the handles of a
//! [`metrics::Metric`]. Behind this border stand an OTLP encoder and exporter of
//! our own (see `docs/adr/0015`), the `metrics` facade with the Prometheus
//! exporter, and a `tracing` subscriber that writes one JSON object a line.

mod clock;
pub mod database;
mod export;
pub mod http;
mod init;
mod logs;
pub mod messaging;
pub mod metrics;
mod otlp;
mod runtime;
pub mod semconv;
pub mod trace;

pub use clock::milliseconds;
pub use init::{InitError, Settings, Telemetry};
pub use logs::Level;
pub use otlp::{AsValue, Value};
pub use trace::{Context, Sampler, Span, SpanBuilder, SpanKind, current, span, untraced};

/// Logs at level CRITICAL: an error that stops the service's work. Same syntax
/// as [`tracing::error!`].
#[macro_export]
macro_rules! critical {
    ($($arg:tt)+) => { $crate::reexport::tracing::error!(severity = "CRITICAL", $($arg)+) };
}

/// What [`critical!`] expands to; not for direct use.
#[doc(hidden)]
pub mod reexport {
    pub use tracing;
}
