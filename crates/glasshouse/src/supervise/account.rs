//! Running a child as an unprivileged user.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use nix::unistd::{Uid, User};

/// A user of this machine that root can become.
#[derive(Clone, Debug)]
pub struct Account {
    name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// The account for programs that refuse to run as root: `None` when we are
    /// not root ourselves, else `preferred` if it exists, else `nobody`.
    ///
    /// # Errors
    /// When neither exists.
    pub fn unprivileged(preferred: &str) -> Result<Option<Self>> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        let find = |name: &str| User::from_name(name).ok().flatten();
        let user = find(preferred).or_else(|| find("nobody"));
        let user = user.with_context(|| format!("no user named {preferred} and no nobody"))?;
        Ok(Some(Self {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
        }))
    }

    /// Makes `command` run as this user, with this user's group only.
    pub fn apply(&self, command: &mut Command) {
        // Setting a uid as root also drops the supplementary groups.
        command.uid(self.uid).gid(self.gid);
        command.env("HOME", "/").env("USER", &self.name);
    }

    /// Gives a file or directory to this user.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn own(&self, path: &Path) -> Result<()> {
        chown(path, Some(self.uid), Some(self.gid)).with_context(|| path.display().to_string())
    }

    /// Whether this user can reach `directory`. Tried rather than computed from
    /// mode bits, which say nothing of access lists and mount options.
    pub fn can_enter(&self, directory: &Path) -> bool {
        let mut attempt = Command::new("/bin/true");
        attempt.current_dir(directory).stdin(Stdio::null());
        self.apply(&mut attempt);
        attempt.status().is_ok_and(|status| status.success())
    }
}
