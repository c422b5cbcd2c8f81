//! The standard load, beside the check.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// It ends within this, once it is told to.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// A load generator that runs: this program once more.
pub(super) struct Running(Child);

impl Running {
    /// Starts it against the same system.
    pub(super) fn start(home: Option<PathBuf>) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        if let Some(home) = home {
            command.arg("--home").arg(home);
        }
        // Longer than any check takes: it is told when to end.
        command.args(["load", "standard", "--quiet", "--duration", "6m"]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.kill_on_drop(true).spawn();
        Ok(Self(child.context("glasshouse load")?))
    }

    /// Ends it. What it measured is not looked at.
    pub(super) async fn stop(mut self) {
        if let Some(pid) = self.0.id() {
            let _ = signal::kill(Pid::from_raw(pid.cast_signed()), Signal::SIGINT);
        }
        let _ = timeout(ENDS_WITHIN, self.0.wait()).await;
    }
}
