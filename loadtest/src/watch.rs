//! A run while it goes on: what its workers write down each second, put together,
//! kept as the report's timeline and shown to those who look.

mod host;
pub(crate) mod live;
pub mod metrics;

use std::time::Duration;

use self::host::Host;
use crate::outline::Outline;
use crate::record::Record;
use crate::report::Moment;

/// Moments of a report at most; those of a longer run are longer than a second.
const MOMENTS: f64 = 1800.0;
/// What is left of a run after its last full second is shown if it is this long, or
/// if anything came of it: then as this long, lest a rate be without bound.
const REMAINDER: f64 = 0.2;

/// Who looks.
pub(crate) trait View: Send {
    /// A second of all workers.
    fn second(&mut self, outline: &Outline, record: &Record, moment: &Moment);
    /// No more will come.
    fn end(&mut self) {}
}

/// Puts the workers' seconds together.
#[derive(Default)]
pub struct Watch {
    views: Vec<Box<dyn View>>,
    host: Option<Host>,
    run: Option<Run>,
    moments: Vec<Moment>,
    begun: Option<Box<dyn FnOnce() + Send>>,
}

struct Run {
    outline: Outline,
    /// When it began, and until when it is known: by the workers' clock, as whoever
    /// puts their seconds together may be behind. A search has several of these,
    /// one after the other.
    began: Duration,
    now: Duration,
    /// The current second, and of how many workers it is.
    second: Record,
    parts: usize,
    /// The current moment of the timeline.
    moment: Record,
    moment_began: Duration,
    length: Duration,
}

impl Watch {
    /// Nobody looks; the timeline is kept.
    #[must_use]
    pub fn quiet() -> Self {
        Self::default()
    }

    /// Somebody looks, on the terminal or where standard error goes.
    #[must_use]
    pub fn live(mut self) -> Self {
        self.views.push(Box::new(live::Live::new()));
        self
    }

    /// Prometheus looks.
    #[must_use]
    pub fn metrics(mut self, metrics: metrics::Exposed) -> Self {
        self.views.push(Box::new(metrics));
        self
    }

    /// Somebody is told, once, when all that a run needs is set up and it begins.
    #[must_use]
    pub fn begun(mut self, tell: impl FnOnce() + Send + 'static) -> Self {
        self.begun = Some(Box::new(tell));
        self
    }

    /// A run begins; or another part of one, as of a search.
    pub(crate) fn begin(&mut self, outline: &Outline) {
        if let Some(tell) = self.begun.take() {
            tell();
        }
        self.close_all();
        self.host.get_or_insert_with(Host::new);
        let began = self.run.as_ref().map_or(Duration::ZERO, |run| run.now);
        let length = (outline.planned.as_secs_f64() / MOMENTS).ceil().max(1.0);
        let steps = outline.steps.len();
        self.run = Some(Run {
            outline: outline.clone(),
            began,
            now: began,
            second: Record::new(steps),
            parts: 0,
            moment: Record::new(steps),
            moment_began: began,
            length: Duration::from_secs_f64(length),
        });
    }

    /// One worker's second.
    pub(crate) fn take(&mut self, record: &Record) {
        let Some(run) = &mut self.run else { return };
        run.second.merge(record);
        run.parts += 1;
        if run.parts >= run.outline.workers {
            self.close_second();
        }
    }

    /// The run has ended: what there was, moment by moment.
    pub(crate) fn end(&mut self) -> Vec<Moment> {
        self.close_all();
        self.run = None;
        for view in &mut self.views {
            view.end();
        }
        std::mem::take(&mut self.moments)
    }

    fn close_second(&mut self) {
        let Some(run) = &mut self.run else { return };
        let now = run.now.max(run.began + run.second.until);
        let seconds = (now - run.now).as_secs_f64();
        let steps = run.outline.steps.len();
        let record = std::mem::replace(&mut run.second, Record::new(steps));
        let moment = Moment::of(
            &run.outline,
            &record,
            now.as_secs_f64(),
            seconds.max(REMAINDER),
        );
        for view in &mut self.views {
            view.second(&run.outline, &record, &moment);
        }
        run.moment.merge(&record);
        (run.parts, run.now) = (0, now);
        // Half a second early is nearer than half a second late.
        if now - run.moment_began + Duration::from_millis(500) > run.length {
            self.close_moment();
        }
    }

    fn close_moment(&mut self) {
        let Some(run) = &mut self.run else { return };
        let (at, seconds) = (
            run.now.as_secs_f64(),
            (run.now - run.moment_began).as_secs_f64(),
        );
        let steps = run.outline.steps.len();
        let record = std::mem::replace(&mut run.moment, Record::new(steps));
        let idle = record.intended == 0 && record.ended == 0;
        if seconds >= REMAINDER || !idle {
            let mut moment = Moment::of(&run.outline, &record, at, seconds.max(REMAINDER));
            if let Some(host) = &mut self.host {
                (moment.host_cpu, moment.host_memory) = (host.cpu(), host.memory());
            }
            self.moments.push(moment);
        }
        run.moment_began = run.now;
    }

    fn close_all(&mut self) {
        if self.run.as_ref().is_some_and(|run| run.parts > 0) {
            self.close_second();
        }
        let Some(run) = &self.run else { return };
        if run.moment.intended > 0 || run.moment.ended > 0 {
            self.close_moment();
        }
    }
}
