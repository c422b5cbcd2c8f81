//! What the journeys of one worker share: on one thread, so cells and no locks.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::journeys::prepare::Prepared;
use crate::journeys::variables::Variables;
use crate::protocol::connections::{Connections, NoConnection};
use crate::protocol::fanout::{Heard, Rooms};
use crate::protocol::kafka::{Effects, Kafka, Producer};
use crate::protocol::upload::Contents;
use crate::record::{Record, Slow, StepRecord};
use crate::scenario::{Action, Fill, Scenario, Template};
use crate::script::{Planned, Script};
use crate::target::Target;
use crate::trace::{Trace, Tracer};

/// One worker's part of a run.
pub(crate) struct Session {
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) script: Script,
    /// What every journey knows.
    pub(crate) globals: Variables,
    /// This worker's users.
    pub(crate) users: Vec<RefCell<Variables>>,
    pub(crate) connections: Connections,
    pub(crate) kafka: RefCell<Kafka>,
    pub(crate) rooms: Rooms,
    pub(crate) contents: Contents,
    /// Makes the trace of each request, if there is to be one.
    pub(crate) tracer: RefCell<Option<Tracer>>,
    pub(crate) record: RefCell<Record>,
    /// No further journey is to begin.
    pub(crate) stopped: Cell<bool>,
    /// Journeys under way.
    pub(crate) under_way: Cell<usize>,
    start: Cell<Instant>,
}

impl Session {
    /// With this worker's share of connections, users and rows.
    pub(crate) fn new(
        scenario: Arc<Scenario>,
        prepared: &Prepared,
        users: Vec<Variables>,
        rows: usize,
        workers: usize,
    ) -> Self {
        let script = Script::of(&scenario);
        let uploads = scenario.steps().filter_map(|step| step.upload.as_ref());
        let files = uploads.flat_map(|upload| &upload.files);
        let largest = files.map(|file| file.bytes).max().unwrap_or(0);
        let most = scenario.connections.div_ceil(workers);
        Self {
            connections: Connections::new(&prepared.targets, most),
            contents: Contents::new(largest, scenario.seed),
            globals: prepared.globals.clone(),
            users: users.into_iter().map(RefCell::new).collect(),
            kafka: RefCell::default(),
            rooms: Rooms::new(),
            tracer: RefCell::default(),
            record: RefCell::new(Record::new(rows)),
            stopped: Cell::new(false),
            under_way: Cell::new(0),
            start: Cell::new(Instant::now()),
            script,
            scenario,
        }
    }

    /// The first arrival is counted from here.
    pub(crate) fn begin(&self, start: Instant) {
        self.start.set(start);
    }

    /// Since the start; zero before it.
    pub(crate) fn elapsed(&self) -> Duration {
        self.since_start(Instant::now())
    }

    pub(crate) fn since_start(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.start.get())
    }

    /// As [`Session::elapsed`], in nanoseconds.
    pub(crate) fn now(&self) -> u64 {
        nanoseconds(self.elapsed())
    }

    /// Writes down in a row.
    pub(crate) fn row(&self, row: usize, write: impl FnOnce(&mut StepRecord)) {
        if let Some(row) = self.record.borrow_mut().steps.get_mut(row) {
            write(row);
        }
    }

    /// Keeps the trace of what took from `meant` to `ended`, if it is sampled and that
    /// was long.
    pub(crate) fn traced(&self, trace: Option<Trace>, row: usize, meant: u64, ended: u64) {
        if let Some(trace) = trace.filter(|trace| trace.sampled) {
            self.record.borrow_mut().slow(Slow {
                took: ended.saturating_sub(meant),
                at: meant,
                row,
                trace: trace.id,
            });
        }
    }

    /// The trace that a request begins, if requests have any: so that the services'
    /// spans can be found.
    pub(crate) fn trace(&self) -> Option<Trace> {
        self.tracer.borrow_mut().as_mut().map(Tracer::next)
    }

    /// A limit of this machine: the numbers would be its own and not the target's.
    pub(crate) fn limit_met(&self, limit: String) {
        self.record.borrow_mut().limit.get_or_insert(limit);
        self.stopped.set(true);
    }

    /// Why there was no connection; a limit of this machine ends the run.
    pub(crate) fn no_connection(&self, error: NoConnection) -> Failure {
        if let Some(limit) = error.limit {
            self.limit_met(limit);
        }
        error.failure
    }

    pub(crate) fn target(&self, name: &str) -> Result<&Target, Failure> {
        // Every name was resolved before the run.
        self.connections.target(name).ok_or(Failure::Connect)
    }

    /// A template that names only what every journey knows.
    fn global(&self, template: &Template) -> Result<String, String> {
        let mut random = super::walk::random(self.scenario.seed, 0);
        let mut from = Fill {
            scope: &self.globals,
            random: &mut random,
        };
        template
            .fill(&mut from)
            .map_err(|name| format!("{name} is not known to all journeys"))
    }

    /// Connects to the brokers of these steps, and watches for their effects.
    pub(crate) fn connect_kafka<'a>(
        &self,
        steps: impl Iterator<Item = &'a Planned>,
    ) -> Result<(), String> {
        let mut kafka = self.kafka.borrow_mut();
        for step in steps {
            let Action::Kafka(step) = step.action() else {
                continue;
            };
            let name = step.target.as_str();
            let brokers = self
                .target(name)
                .map_err(|error| error.to_string())?
                .address
                .to_string();
            let said = |error: String| format!("Kafka at {brokers}: {error}");
            if !kafka.producers.contains_key(name) {
                let producer = Producer::new(&brokers, self.scenario.timeout.0)
                    .map_err(|error| said(error.to_string()))?;
                kafka.producers.insert(name.to_owned(), producer);
            }
            if let Some(effect) = &step.effect {
                let topic = self.global(&effect.topic)?;
                let key = (name.to_owned(), topic.clone(), effect.pointer.clone());
                if let Entry::Vacant(unwatched) = kafka.effects.entry(key) {
                    let watched = Effects::watch(&brokers, &topic, effect.pointer.clone());
                    unwatched.insert(watched.map_err(said)?);
                }
            }
        }
        Ok(())
    }
}

impl Heard for Session {
    fn heard(&self, row: usize, meant: u64, sent: u64, bytes: u64) {
        let now = self.now();
        self.record.borrow_mut().finished = Duration::from_nanos(now);
        self.row(row, |row| {
            row.took(now.saturating_sub(meant), now.saturating_sub(sent));
            row.replied(bytes);
        });
    }
}

/// Enough for five centuries.
#[expect(clippy::cast_possible_truncation)]
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

/// The targets of a run, by name.
pub(crate) type Targets = BTreeMap<String, Target>;

/// A session that only sets up: what it writes down, nobody reads.
pub(crate) fn alone(
    scenario: &Arc<Scenario>,
    prepared: &Prepared,
    user: Option<Variables>,
) -> Rc<Session> {
    let rows = crate::script::rows::MOST;
    let users = user.into_iter().collect();
    Rc::new(Session::new(Arc::clone(scenario), prepared, users, rows, 1))
}
