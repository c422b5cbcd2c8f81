//! The `tracing` subscriber: events only.
//!
//! Spans are ours (see [`crate::trace`]), so this subscriber keeps no registry:
//! spans that libraries make through `tracing` are accepted and forgotten.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry_sdk::logs::{SdkLogRecord, SdkLogger, SdkLoggerProvider};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

use super::level::{Level, Levels};
use super::line::{Clock, Constants, Line};
use super::record::FieldWriter;
use super::sink::Sink;
use crate::export::Queue;
use crate::trace::{Context, current};

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
    otlp: Option<Otlp>,
}

struct Otlp {
    logger: SdkLogger,
    queue: Arc<Queue<SdkLogRecord>>,
}

#[derive(Default)]
struct Buffers {
    line: Vec<u8>,
    fields: Vec<u8>,
    message: String,
    scratch: String,
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
        queue: Option<Arc<Queue<SdkLogRecord>>>,
    ) -> Self {
        Self {
            levels,
            constants: Constants::new(service, version),
            sink,
            otlp: queue.map(|queue| Otlp {
                logger: SdkLoggerProvider::builder().build().logger("glasshouse"),
                queue,
            }),
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
                clock,
            } = buffers;
            line.clear();
            fields.clear();
            message.clear();
            let mut writer = FieldWriter {
                fields,
                message,
                scratch,
                attributes: self.otlp.as_ref().map(|_| Vec::new()),
                critical: false,
            };
            event.record(&mut writer);
            let (critical, attributes) = (writer.critical, writer.attributes);
            let now = SystemTime::now();
            let level_name = if critical { "CRITICAL" } else { level.name() };
            Line {
                now,
                level: level_name,
                logger: metadata.target(),
                message,
                fields,
                context,
            }
            .write(clock, &self.constants, line);
            self.sink.append(line, level == Level::Error);

            if let (Some(otlp), Some(attributes)) = (&self.otlp, attributes) {
                let mut record = otlp.logger.create_log_record();
                record.set_timestamp(now);
                record.set_observed_timestamp(now);
                record.set_target(metadata.target());
                record.set_severity_text(level_name);
                record.set_severity_number(severity(level, critical));
                record.set_body(AnyValue::from(message.clone()));
                record.add_attributes(attributes);
                if let Some(context) = context {
                    record.set_trace_context(
                        context.span.trace_id(),
                        context.span.span_id(),
                        Some(context.span.trace_flags()),
                    );
                    if let Some(request_id) = context.request_id() {
                        record.add_attribute("request_id", request_id.to_owned());
                    }
                }
                otlp.queue.push(record);
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
        if self.levels.allows(level) {
            return level < Level::Debug || is_ours(metadata);
        }
        self.levels.get() != Level::Off
            && is_ours(metadata)
            && current().is_some_and(|context| context.debug)
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
        self.write(event, current().as_ref());
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}
