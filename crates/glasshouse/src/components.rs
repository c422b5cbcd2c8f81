//! What the system consists of, and how each part is.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::backing::Port;
use crate::state::{Phase, RunState, StateFile};

/// One part of the system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// What it is called, in commands and log files too.
    pub name: String,
    /// What it is, for somebody who has not heard of it.
    pub what: String,
    /// Where people and programs reach it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Where its probes and metrics are, when that is somewhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<String>,
    /// Its version; empty while unknown.
    pub version: String,
    /// How it is.
    pub state: State,
    /// Its process, where it has one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// What else there is to know: a port that was taken, why it is off.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
    /// The command that would bring it, when it is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// How a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not begun.
    Waiting,
    /// On its way.
    Starting,
    /// Ready.
    Running,
    /// It died and will be started again.
    Restarting,
    /// It is not there, for a reason.
    Off,
    /// It could not be started.
    Failed,
    /// Ended.
    Stopped,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Off => "off",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        };
        f.pad(word)
    }
}

impl Component {
    /// A component that nothing is known of yet.
    pub fn new(name: &str, what: &str) -> Self {
        Self {
            name: name.to_owned(),
            what: what.to_owned(),
            address: None,
            admin: None,
            version: String::new(),
            state: State::Waiting,
            pid: None,
            notes: Vec::new(),
            command: None,
        }
    }

    /// Notes where it listens, and that this is not where it usually does.
    pub fn at(&mut self, scheme: &str, port: Port) {
        self.address = Some(format!("{scheme}{}", port.address()));
        self.notice(port);
    }

    /// Notes that a port is not the usual one.
    pub fn notice(&mut self, port: Port) {
        let moved = |wanted| format!("port {wanted} is taken: {} instead", port.number);
        self.notes.extend(port.instead_of.map(moved));
    }
}

/// All components of a run. Every change is written to the state file at once.
/// Clones are the same board.
#[derive(Clone)]
pub struct Board(Arc<Inner>);

struct Inner {
    run: Mutex<RunState>,
    file: StateFile,
}

impl Board {
    /// A board with these rows, in the order of the table.
    pub fn new(file: StateFile, components: Vec<Component>) -> Self {
        let run = Mutex::new(RunState::begin(components));
        let board = Self(Arc::new(Inner { run, file }));
        board.save(&board.run());
        board
    }

    /// Changes one row.
    pub fn update(&self, name: &str, change: impl FnOnce(&mut Component)) {
        let mut run = self.run();
        if let Some(component) = run.components.iter_mut().find(|row| row.name == name) {
            change(component);
        }
        self.save(&run);
    }

    /// Goes on to the next phase.
    pub fn enter(&self, phase: Phase) {
        let mut run = self.run();
        run.phase = phase;
        self.save(&run);
    }

    /// Marks whatever still seems to run as stopped.
    pub fn retire(&self) {
        let mut run = self.run();
        let gone = |row: &&mut Component| !matches!(row.state, State::Off | State::Failed);
        for row in run.components.iter_mut().filter(gone) {
            row.state = State::Stopped;
            row.pid = None;
        }
        self.save(&run);
    }

    /// One row as it is now.
    pub fn get(&self, name: &str) -> Option<Component> {
        self.run().component(name).cloned()
    }

    /// Everything as it is now.
    pub fn snapshot(&self) -> RunState {
        self.run().clone()
    }

    fn run(&self) -> MutexGuard<'_, RunState> {
        self.0.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A full disk must not end the run: `status` is stale then, no more.
    fn save(&self, run: &RunState) {
        let _ = self.0.file.save(run);
    }
}
