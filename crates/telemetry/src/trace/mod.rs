//! Spans and the context they hand on.
//!
//! The current context lives in a task-local and is set by [`Span::scope`]
//! alone: there is no guard that could be held across an `.await`.

pub(crate) mod context;
mod sampler;
mod span;

pub use context::{Context, current, untraced};
pub use opentelemetry::trace::SpanKind;
pub use sampler::Sampler;
pub use span::{Span, SpanBuilder, span};

pub(crate) use sampler::DebugSampler;
pub(crate) use span::install;
