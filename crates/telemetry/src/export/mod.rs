//! Sending spans and log records by OTLP from one background thread.
//!
//! Whoever ends a span or logs an event writes it, encoded, into a buffer; the
//! thread puts the resource around what is there and posts it. The thread has a
//! runtime of its own, so that exporting neither competes with requests for the
//! service's workers nor can deadlock on them when a one-worker runtime
//! flushes. Buffers are bounded; what does not fit, or cannot be delivered, is
//! counted in `telemetry_dropped_total`.

mod buffers;
mod post;
mod sender;

pub(crate) use buffers::Buffers;
pub(crate) use sender::{Exporter, ExporterError};

#[cfg(test)]
mod tests;
