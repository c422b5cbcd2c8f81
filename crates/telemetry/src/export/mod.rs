//! Sending spans and log records by OTLP from one background thread.
//!
//! The thread has a runtime of its own, so that exporting neither competes
//! with requests for the service's workers nor can deadlock on them when a
//! one-worker runtime flushes. Queues are bounded; what does not fit, or cannot
//! be delivered, is counted in `telemetry_dropped_total`.

mod http;
mod queue;
mod sender;
mod spans;

pub(crate) use queue::Queue;
pub(crate) use sender::{Exporter, ExporterError};
pub(crate) use spans::QueueingProcessor;
