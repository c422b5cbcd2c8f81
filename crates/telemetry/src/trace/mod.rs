//! Spans and the context they hand on.
//!
//! The current context lives in a task-local and is set by [`Span::scope`]
//! alone: there is no guard that could be held across an `.await`. A span is
//! encoded when it ends, straight into the exporter's buffer (see
//! `docs/adr/0015`); until then it is a few words, and the attributes that are
//! its own.

pub(crate) mod context;
mod room;
mod sampler;
mod span;
mod template;

pub use context::{Context, current, untraced};
pub use sampler::Sampler;
pub use span::{Span, SpanBuilder, SpanKind, span};

pub(crate) use context::{RequestId, SpanContext};
pub(crate) use span::{Tracer, install};
pub(crate) use template::Template;
