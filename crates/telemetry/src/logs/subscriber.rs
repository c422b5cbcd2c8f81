//! The `tracing` subscriber: events only.
//!
//! Spans are ours (see [`crate::trace`]), so this subscriber keeps no registry:
//! spans that libraries make through `tracing` are accepted and forgotten.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

use super::level::{Level, Levels};
use super::line::{Clock, Constants, Line};
use super::record::FieldWriter;
use super::sink::Sink;
use crate::clock;
use crate::export::Buffers as Export;
use crate::otlp::{LogRecord, Severity, Value};
use crate::trace::Context;
use crate::trace::context::with_current;

/// Says at WARNING, for each connection of a pool, what our own query wrapper
/// and health checks say once.
const TALKATIVE: &str = "sqlx";

/// Crates whose DEBUG events may be switched on. Libraries stop at INFO: their
/// detail floods and may hold what must not be logged.
const OURS: [&str; 6] = [
    "telemetry",
    "service",
    "events",
    "todo_api",
    "chat_gateway",
    "event_worker",
];

/// Writes events to the sink, and to OTLP if there is an exporter.
pub(crate) struct JsonSubscriber {
    levels: Levels,
    constants: Constants,
    sink: Arc<Sink>,
    otlp: Option<Arc<Export>>,
}

#[derive(Default)]
struct Buffers {
    line: Vec<u8>,
    fields: Vec<u8>,
    message: String,
    scratch: String,
    attributes: Vec<u8>,
    clock: Clock,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

impl JsonSubscriber {
    pub(crate) fn new(
        service: &str,
        version: &str,
        levels: Levels,
        sink: Arc<Sink>,
        otlp: Option<Arc<Export>>,
    ) -> Self {
        Self {
            levels,
            constants: Constants::new(service, version),
            sink,
            otlp,
        }
    }

    fn write(&self, event: &Event<'_>, context: Option<&Context>) {
        let metadata = event.metadata();
        let Some(level) = Level::of(*metadata.level()) else {
            return;
        };
        BUFFERS.with_borrow_mut(|buffers| {
            let Buffers {
                line,
                fields,
                message,
                scratch,
                attributes,
                clock,
            } = buffers;
            line.clear();
            fields.clear();
            message.clear();
            attributes.clear();
            let mut writer = FieldWriter {
                fields,
                message,
                scratch,
                attributes: self.otlp.is_some().then_some(&mut *attributes),
                critical: false,
            };
            event.record(&mut writer);
            if let Some(request_id) = context.and_then(Context::request_id) {
                writer.field("request_id", Value::Text(request_id));
            }
            let critical = writer.critical;
            let time = clock::unix_nanos(Instant::now());
            let level_name = if critical { "CRITICAL" } else { level.name() };
            Line {
                time,
                level: level_name,
                logger: metadata.target(),
                message,
                fields,
                context,
            }
            .write(clock, &self.constants, line);
            self.sink.append(line, level == Level::Error);

            if let Some(otlp) = &self.otlp {
                let record = LogRecord {
                    time,
                    severity: severity(level, critical),
                    severity_text: level_name,
                    logger: metadata.target(),
                    body: message,
                    attributes,
                    span: context
                        .map(|context| &context.span)
                        .filter(|span| span.is_valid()),
                };
                otlp.append(|out| record.write(out));
            }
        });
    }
}

fn severity(level: Level, critical: bool) -> Severity {
    match level {
        _ if critical => Severity::Fatal,
        Level::Off | Level::Error => Severity::Error,
        Level::Warning => Severity::Warn,
        Level::Info => Severity::Info,
        Level::Debug => Severity::Debug,
    }
}

fn root<'a>(metadata: &'a Metadata<'_>) -> &'a str {
    metadata.target().split("::").next().unwrap_or_default()
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    OURS.contains(&root(metadata))
}

impl Subscriber for JsonSubscriber {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let detailed = *metadata.level() > tracing::Level::INFO;
        if metadata.is_span()
            || *metadata.level() == tracing::Level::TRACE
            || (detailed && !is_ours(metadata))
            || (*metadata.level() > tracing::Level::ERROR && root(metadata) == TALKATIVE)
        {
            Interest::never()
        } else {
            // The level may change, and a request may ask for DEBUG: ask again.
            Interest::sometimes()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let Some(level) = Level::of(*metadata.level()) else {
            return false;
        };
        // Whose DEBUG events are not wanted was told so when they registered.
        self.levels.allows(level)
            || (self.levels.get() != Level::Off
                && with_current(|context| context.is_some_and(|context| context.debug)))
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(tracing::level_filters::LevelFilter::DEBUG)
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        with_current(|context| self.write(event, context));
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}
