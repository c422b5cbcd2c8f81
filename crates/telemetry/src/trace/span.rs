//! Spans: made from the current context, ended when dropped.

use std::borrow::Cow;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::context::{CURRENT, Context, RequestId, SpanContext, current};
use super::room;
use super::sampler::Sampler;
use crate::export::Buffers;
use crate::otlp::{
    AsValue, EndedSpan, Event, Link, SPAN_ATTRIBUTE, Value, attribute, attribute_len, span_kind,
    span_name, span_status,
};
use crate::{clock, semconv};

/// Bytes of attributes, events and links that one span may have of its own;
/// what is beyond is left out and counted in the span.
const MAX_FIELDS: usize = 16 << 10;

static TRACER: OnceLock<Tracer> = OnceLock::new();

/// What is behind every span.
pub(crate) struct Tracer {
    pub(crate) sampler: Sampler,
    /// Where ended spans go. If nowhere, ids and the sampling decision exist
    /// all the same, for logs and for the services further down that do export.
    pub(crate) spans: Option<Arc<Buffers>>,
}

/// Makes `tracer` the one behind every span; the first call wins.
pub(crate) fn install(tracer: Tracer) {
    // A second telemetry in one process (tests) keeps the first tracer.
    let _ = TRACER.set(tracer);
}

fn exporting() -> bool {
    TRACER.get().is_some_and(|tracer| tracer.spans.is_some())
}

/// The role of a span in its trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpanKind {
    /// A step within the service.
    #[default]
    Internal,
    /// Answers a request.
    Server,
    /// Sends a request and waits for its answer.
    Client,
    /// Hands over a message.
    Producer,
    /// Handles a message.
    Consumer,
}

/// Begins the description of a span; its parent is the current context.
pub fn span(name: impl Into<Cow<'static, str>>) -> SpanBuilder {
    let mut builder = SpanBuilder::of(&[]);
    builder.kind = Some(SpanKind::Internal);
    if exporting() {
        let name = name.into();
        builder.fields.encoded = room::take(name.len());
        span_name(&mut builder.fields.encoded, &name);
    }
    builder
}

enum Parent {
    Current,
    Of(Option<Context>),
}

/// What a span has of its own, encoded.
#[derive(Default)]
struct Fields {
    encoded: Vec<u8>,
    /// Attributes, events and links that had no room.
    dropped: [u32; 3],
}

impl Fields {
    const ATTRIBUTES: usize = 0;
    const EVENTS: usize = 1;
    const LINKS: usize = 2;

    fn attribute(&mut self, key: &str, value: Value<'_>) {
        if self.has_room(attribute_len(key, value), Self::ATTRIBUTES) {
            attribute(&mut self.encoded, SPAN_ATTRIBUTE, key, value);
        }
    }

    fn has_room(&mut self, length: usize, kind: usize) -> bool {
        let fits = self.encoded.len() + length <= MAX_FIELDS;
        if fits && self.encoded.capacity() == 0 {
            self.encoded = room::take(length);
        }
        if !fits {
            self.dropped[kind] = self.dropped[kind].saturating_add(1);
        }
        fits
    }
}

/// A span that has not begun.
#[must_use = "a span begins with start()"]
pub struct SpanBuilder {
    constant: &'static [u8],
    fields: Fields,
    /// Unless it is among the constant fields.
    kind: Option<SpanKind>,
    parent: Parent,
    debug: bool,
    recorded: bool,
    request_id: Option<RequestId>,
    started: Option<Instant>,
}

impl SpanBuilder {
    /// A span with these fields besides its own.
    pub(super) fn of(constant: &'static [u8]) -> Self {
        Self {
            constant,
            fields: Fields::default(),
            kind: None,
            parent: Parent::Current,
            debug: false,
            recorded: true,
            request_id: None,
            started: None,
        }
    }

    /// The role of this span in its trace; internal unless said.
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// An attribute known at the start.
    pub fn attribute(mut self, key: &'static str, value: impl AsValue) -> Self {
        if exporting() {
            self.fields.attribute(key, value.as_value());
        }
        self
    }

    /// The parent in place of the current context; `None` begins a new trace.
    pub fn parent(mut self, parent: Option<Context>) -> Self {
        self.parent = Parent::Of(parent);
        self
    }

    /// A span that caused this one without being its parent in time.
    pub fn link(mut self, cause: &Context) -> Self {
        if exporting()
            && cause.span.is_valid()
            && self.fields.has_room(Link::ENCODED_LEN, Fields::LINKS)
        {
            Link(&cause.span).write(&mut self.fields.encoded);
        }
        self
    }

    /// Raises the log level of this request to DEBUG and samples its trace.
    pub(crate) fn debug(mut self, debug: bool) -> Self {
        self.debug = debug;
        if debug {
            self = self.attribute(semconv::DEBUG, true);
        }
        self
    }

    /// Whether the span may be recorded at all; its ids exist all the same.
    pub(crate) fn recorded(mut self, recorded: bool) -> Self {
        self.recorded = recorded;
        self
    }

    pub(crate) fn request_id(mut self, request_id: RequestId) -> Self {
        self.request_id = Some(request_id);
        self
    }

    /// It begins at `moment`, which several spans may share; now, unless said.
    pub fn at(mut self, moment: Instant) -> Self {
        self.started = Some(moment);
        self
    }

    /// Begins the span.
    pub fn start(mut self) -> Span {
        let parent = match self.parent {
            Parent::Current => current(),
            Parent::Of(parent) => parent,
        };
        let inherited = parent.as_ref();
        let debug = self.debug || inherited.is_some_and(|parent| parent.debug);
        let request_id = self
            .request_id
            .or_else(|| inherited.and_then(|parent| parent.request_id));
        let untraced =
            !self.debug && (!self.recorded || inherited.is_some_and(|parent| parent.untraced));
        let parent = parent.map(|parent| parent.span);
        let tracer = TRACER.get().filter(|_| !untraced);
        let span = match tracer {
            Some(tracer) => {
                let parent = parent.as_ref().filter(|parent| parent.is_valid());
                tracer.begin(parent, debug)
            }
            None => parent.unwrap_or(SpanContext::NONE),
        };
        let recorded = tracer.is_some_and(|tracer| tracer.spans.is_some()) && span.is_sampled();
        let record = recorded.then(|| {
            if let Some(kind) = self.kind {
                span_kind(&mut self.fields.encoded, kind);
            }
            Record {
                constant: self.constant,
                fields: self.fields,
                parent: parent.filter(SpanContext::is_valid),
            }
        });
        Span {
            record,
            started: self.started.unwrap_or_else(Instant::now),
            ended: None,
            context: Context {
                span,
                debug,
                untraced,
                request_id,
            },
        }
    }
}

impl Tracer {
    /// New ids, and whether they are sampled.
    fn begin(&self, parent: Option<&SpanContext>, debug: bool) -> SpanContext {
        let trace_id =
            parent.map_or_else(|| rand::random::<u128>().max(1), |parent| parent.trace_id);
        let flags = match (&self.spans, parent) {
            (Some(_), _) if debug || self.sampler.samples(trace_id, parent) => SpanContext::SAMPLED,
            (Some(_), _) => 0,
            // The decision of whoever began the trace; one that begins here is
            // to be sampled.
            (None, Some(parent)) => parent.flags,
            (None, None) => SpanContext::SAMPLED,
        };
        SpanContext {
            trace_id,
            // Zero means none.
            span_id: rand::random::<u64>().max(1),
            flags,
            remote: false,
        }
    }
}

/// A span that will be exported.
struct Record {
    constant: &'static [u8],
    fields: Fields,
    parent: Option<SpanContext>,
}

/// A running span; it ends when it is dropped.
pub struct Span {
    record: Option<Record>,
    started: Instant,
    ended: Option<Instant>,
    context: Context,
}

impl Span {
    /// What a child, a header or a message must carry to continue this trace.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// When it began.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// It ended at `moment`, though it is dropped later.
    pub fn ended(&mut self, moment: Instant) {
        self.ended = Some(moment);
    }

    /// Whether it will be exported. What is made for its attributes alone need not
    /// be made otherwise.
    pub fn is_recorded(&self) -> bool {
        self.record.is_some()
    }

    /// Sets an attribute that was not known at the start.
    pub fn set(&mut self, key: &'static str, value: impl AsValue) {
        if let Some(record) = &mut self.record {
            record.fields.attribute(key, value.as_value());
        }
    }

    /// Notes a moment within the span.
    pub fn event(&mut self, name: &'static str) {
        if let Some(Record { fields, .. }) = &mut self.record {
            let time = clock::unix_nanos(Instant::now());
            let event = Event { time, name };
            if fields.has_room(event.encoded_len(), Fields::EVENTS) {
                event.write(&mut fields.encoded);
            }
        }
    }

    /// Marks the span as failed. `error_type` is a short class of error, never
    /// a text that could hold personal data.
    pub fn error(&mut self, error_type: impl Into<Cow<'static, str>>) {
        if let Some(Record { fields, .. }) = &mut self.record {
            let error_type = error_type.into();
            fields.attribute(semconv::ERROR_TYPE, error_type.as_value());
            // Even a span without room for more says that it failed.
            span_status(&mut fields.encoded, &error_type);
        }
    }

    /// Runs `future` with this span as the current context.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.context.clone(), future)
    }

    /// As [`Span::scope`], for what does not wait: a log line, mostly.
    pub fn within<R>(&self, work: impl FnOnce() -> R) -> R {
        CURRENT.sync_scope(self.context.clone(), work)
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Some(record) = &mut self.record else {
            return;
        };
        let Some(Tracer {
            spans: Some(spans), ..
        }) = TRACER.get()
        else {
            return;
        };
        let ended = EndedSpan {
            own: &self.context.span,
            parent: record.parent.as_ref(),
            start: clock::unix_nanos(self.started),
            end: clock::unix_nanos(self.ended.unwrap_or_else(Instant::now)),
            constant: record.constant,
            fields: &record.fields.encoded,
            dropped: record.fields.dropped,
        };
        spans.append(|out| ended.write(out));
        room::give_back(std::mem::take(&mut record.fields.encoded));
    }
}
