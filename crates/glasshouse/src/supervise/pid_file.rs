//! Remembers which process was started, so that a later run can end what an
//! earlier one left behind, and nothing else.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// A process, told apart from a later one that was given the same pid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Process id.
    pub pid: u32,
    /// Clock ticks between the machine's boot and the process's start.
    pub started: u64,
    /// The boot that `started` counts from.
    pub boot: String,
    /// The executable; `None` where the system does not let us look.
    pub program: Option<PathBuf>,
}

impl Identity {
    /// Who has this pid now; `None` when nobody has (a zombie is nobody).
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the name in brackets, which may hold anything.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        if matches!(fields.next()?, "Z" | "X") {
            return None;
        }
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Some(Self {
            pid,
            started: fields.nth(18)?.parse().ok()?,
            boot: boot.trim().to_owned(),
            program: fs::read_link(format!("/proc/{pid}/exe")).ok(),
        })
    }

    /// Whether this very process still runs.
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| {
            now.started == self.started
                && now.boot == self.boot
                && same_program(now.program.as_deref(), self.program.as_deref())
        })
    }

    /// Ends the process if it is still the same one: politely, then not.
    /// Blocks for `patience` at most, and a moment more. Says whether there was
    /// anything to end.
    pub fn end(&self, patience: Duration) -> bool {
        if !self.is_alive() {
            return false;
        }
        for (signal, patience) in [
            (Signal::SIGTERM, patience),
            (Signal::SIGKILL, Duration::from_secs(2)),
        ] {
            let _ = signal::kill(Pid::from_raw(self.pid.cast_signed()), signal);
            let deadline = Instant::now() + patience;
            while self.is_alive() && Instant::now() < deadline {
                thread::park_timeout(Duration::from_millis(20));
            }
        }
        true
    }
}

/// A rebuilt program shows as `/path/name (deleted)` while the old one runs.
fn same_program(now: Option<&Path>, then: Option<&Path>) -> bool {
    let (Some(now), Some(then)) = (now, then) else {
        return true;
    };
    let plain = |path: &Path| {
        let path = path.to_string_lossy().into_owned();
        path.strip_suffix(" (deleted)")
            .map_or(path.clone(), str::to_owned)
    };
    plain(now) == plain(then)
}

/// Writes down who runs as `pid`.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, pid: u32) -> Result<()> {
    // A process that has already ended needs no file.
    let Some(identity) = Identity::of(pid) else {
        return Ok(());
    };
    fs::write(path, serde_json::to_vec(&identity)?).with_context(|| path.display().to_string())
}

/// Reads a pid file; `None` when there is none or it cannot be understood.
pub fn read(path: &Path) -> Option<Identity> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Ends the process of a leftover pid file and removes the file. Returns the
/// process when it was still running.
///
/// # Errors
/// When the file is there and cannot be removed.
pub fn clean(path: &Path, patience: Duration) -> Result<Option<Identity>> {
    let ended = read(path).filter(|identity| identity.end(patience));
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| path.display().to_string())
        }
        _ => Ok(ended),
    }
}
