//! Spans: made from the current context, ended when dropped.

use std::borrow::Cow;
use std::future::Future;
use std::sync::OnceLock;

use ::http::HeaderValue;
use opentelemetry::trace::{
    Link, Span as _, SpanContext, SpanKind, Status, TraceContextExt, TraceFlags, Tracer as _,
};
use opentelemetry::{Context as OtelContext, KeyValue, Value};
use opentelemetry_sdk::trace::{SdkTracer, Span as SdkSpan};

use super::context::{CURRENT, Context, current};
use crate::semconv;

static TRACER: OnceLock<Installed> = OnceLock::new();

struct Installed {
    tracer: SdkTracer,
    /// Whether spans leave this process. If not, sampling is still decided, for
    /// the services further down that do export.
    exporting: bool,
}

/// Makes `tracer` the one behind every span; the first call wins.
pub(crate) fn install(tracer: SdkTracer, exporting: bool) {
    // A second telemetry in one process (tests) keeps the first tracer.
    let _ = TRACER.set(Installed { tracer, exporting });
}

/// Begins the description of a span; its parent is the current context.
pub fn span(name: impl Into<Cow<'static, str>>) -> SpanBuilder {
    SpanBuilder {
        name: name.into(),
        kind: SpanKind::Internal,
        attributes: Vec::new(),
        links: Vec::new(),
        parent: Parent::Current,
        debug: false,
        recorded: true,
        request_id: None,
    }
}

enum Parent {
    Current,
    Of(Option<Context>),
}

/// A span that has not begun.
#[must_use = "a span begins with start()"]
pub struct SpanBuilder {
    name: Cow<'static, str>,
    kind: SpanKind,
    attributes: Vec<KeyValue>,
    links: Vec<Link>,
    parent: Parent,
    debug: bool,
    recorded: bool,
    request_id: Option<HeaderValue>,
}

impl SpanBuilder {
    /// The role of this span in its trace; internal unless said.
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.kind = kind;
        self
    }

    /// An attribute known at the start, so that a sampler sees it.
    pub fn attribute(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.push(KeyValue::new(key, value));
        self
    }

    /// The parent in place of the current context; `None` begins a new trace.
    pub fn parent(mut self, parent: Option<Context>) -> Self {
        self.parent = Parent::Of(parent);
        self
    }

    /// A span that caused this one without being its parent in time.
    pub fn link(mut self, cause: &Context) -> Self {
        self.links.push(Link::with_context(cause.span.clone()));
        self
    }

    /// Raises the log level of this request to DEBUG and samples its trace.
    pub(crate) fn debug(mut self, debug: bool) -> Self {
        self.debug = debug;
        if debug {
            self.attributes.push(KeyValue::new(semconv::DEBUG, true));
        }
        self
    }

    /// Whether the span may be recorded at all; its ids exist all the same.
    pub(crate) fn recorded(mut self, recorded: bool) -> Self {
        self.recorded = recorded;
        self
    }

    pub(crate) fn request_id(mut self, request_id: HeaderValue) -> Self {
        self.request_id = Some(request_id);
        self
    }

    /// Begins the span.
    pub fn start(self) -> Span {
        let parent = match self.parent {
            Parent::Current => current(),
            Parent::Of(parent) => parent,
        };
        let debug = self.debug || parent.as_ref().is_some_and(|parent| parent.debug);
        let request_id = self
            .request_id
            .or_else(|| parent.as_ref().and_then(|parent| parent.request_id.clone()));
        let untraced = !self.debug
            && (!self.recorded || parent.as_ref().is_some_and(|parent| parent.untraced));
        let parent = parent.map(|parent| parent.span);
        let installed = TRACER.get().filter(|_| !untraced);
        let inner = installed.map(|Installed { tracer, .. }| {
            let parent = match parent.clone() {
                Some(parent) => OtelContext::new().with_remote_span_context(parent),
                None => OtelContext::new(),
            };
            let mut builder = tracer.span_builder(self.name).with_kind(self.kind);
            builder.attributes = Some(self.attributes);
            if !self.links.is_empty() {
                builder.links = Some(self.links);
            }
            tracer.build_with_context(builder, &parent)
        });
        let span = match (&inner, installed) {
            (Some(inner), Some(installed)) if installed.exporting => inner.span_context().clone(),
            (Some(inner), _) => handing_on(inner.span_context(), parent.as_ref()),
            (None, _) => parent.unwrap_or(SpanContext::NONE),
        };
        Span {
            inner,
            context: Context {
                span,
                debug,
                untraced,
                request_id,
            },
        }
    }
}

/// The ids of a span that is not exported, with the decision of whoever began
/// the trace; one that begins here is to be sampled.
fn handing_on(own: &SpanContext, parent: Option<&SpanContext>) -> SpanContext {
    let flags = parent.map_or(TraceFlags::SAMPLED, SpanContext::trace_flags);
    let state = own.trace_state().clone();
    SpanContext::new(own.trace_id(), own.span_id(), flags, false, state)
}

/// A running span; it ends when it is dropped.
pub struct Span {
    inner: Option<SdkSpan>,
    context: Context,
}

impl Span {
    /// What a child, a header or a message must carry to continue this trace.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Sets an attribute that was not known at the start.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(inner) = &mut self.inner {
            inner.set_attribute(KeyValue::new(key, value));
        }
    }

    /// Notes a moment within the span.
    pub fn event(&mut self, name: &'static str) {
        if let Some(inner) = &mut self.inner {
            inner.add_event(name, Vec::new());
        }
    }

    /// Marks the span as failed. `error_type` is a short class of error, never
    /// a text that could hold personal data.
    pub fn error(&mut self, error_type: impl Into<Cow<'static, str>>) {
        if let Some(inner) = &mut self.inner {
            let error_type = error_type.into();
            inner.set_attribute(KeyValue::new(semconv::ERROR_TYPE, error_type.to_string()));
            inner.set_status(Status::Error {
                description: error_type,
            });
        }
    }

    /// Runs `future` with this span as the current context.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.context.clone(), future)
    }
}
