//! What a run leaves in its folder, for `status`, `logs`, `down` and the next
//! `up`.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use crate::components::Component;
use crate::supervise::pid_file::Identity;

/// A run: who supervises it, since when, and what it consists of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunState {
    /// The launcher's process.
    pub supervisor: Option<Identity>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// How far it is.
    pub phase: Phase,
    /// Its parts, in the order of the table.
    pub components: Vec<Component>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Not everything is ready yet.
    Starting,
    /// Everything that is there is ready.
    Ready,
    /// On the way down.
    Stopping,
    /// Down, as asked.
    Stopped,
    /// It did not come up.
    Failed,
}

impl RunState {
    /// A run that begins now, supervised by this process.
    pub fn begin(components: Vec<Component>) -> Self {
        Self {
            supervisor: Identity::of(std::process::id()),
            started_at: Utc::now(),
            phase: Phase::Starting,
            components,
        }
    }

    /// Whether its launcher is still there.
    pub fn is_alive(&self) -> bool {
        self.supervisor.as_ref().is_some_and(Identity::is_alive)
    }

    /// A component by its name.
    pub fn component(&self, name: &str) -> Option<&Component> {
        self.components
            .iter()
            .find(|component| component.name == name)
    }

    /// Where a component is reached, when it is running.
    pub fn address(&self, name: &str) -> Option<&str> {
        let component = self.component(name)?;
        let running = component.state == crate::components::State::Running;
        component.address.as_deref().filter(|_| running)
    }
}

/// The file that holds a run's state.
#[derive(Clone, Debug)]
pub struct StateFile(PathBuf);

impl StateFile {
    /// The state file of a folder.
    pub fn in_folder(home: &Path) -> Self {
        Self(home.join("state.json"))
    }

    /// The latest run; `None` when there has been none.
    pub fn load(&self) -> Option<RunState> {
        serde_json::from_slice(&fs::read(&self.0).ok()?).ok()
    }

    /// Replaces the file in one step: a reader sees the old one or the new one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, run: &RunState) -> Result<()> {
        let new = self.0.with_extension("json.new");
        fs::write(&new, serde_json::to_vec_pretty(run)?)?;
        fs::rename(&new, &self.0)?;
        Ok(())
    }
}

/// Held by the one launcher that may use a folder, and released by its end,
/// however that comes.
pub struct Lock(#[expect(dead_code, reason = "held, not read")] Flock<File>);

impl Lock {
    /// Takes the lock; `None` when another process has it.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn take(home: &Path) -> Result<Option<Self>> {
        let path = home.join("lock");
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| path.display().to_string())?;
        Ok(Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .ok()
            .map(Self))
    }
}
