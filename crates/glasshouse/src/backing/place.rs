//! The folders that private services live in.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use rand::RngExt;
use sha2::{Digest, Sha256};

use super::remove::remove;
use crate::supervise::{Account, Process, Spec};

/// Where data that must be reachable by another user goes, when the folder it
/// belongs in is behind a door that only we can open (a home of mode 700).
const ELSEWHERE: &str = "/var/tmp";

/// A folder with one sub-folder for each purpose, and the processes that were
/// started in it. Clones are the same place.
#[derive(Clone)]
pub struct Place {
    root: PathBuf,
    processes: Arc<Mutex<Vec<Process>>>,
}

impl Place {
    /// Opens `root`, creating what is missing.
    ///
    /// # Errors
    /// When a folder cannot be created.
    pub fn open(root: &Path) -> Result<Self> {
        let root = std::path::absolute(root)?;
        let place = Self {
            root,
            processes: Arc::default(),
        };
        fs::create_dir_all(&place.root).with_context(|| place.root.display().to_string())?;
        for folder in [place.logs(), place.run(), place.secrets()] {
            fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        fs::set_permissions(place.secrets(), fs::Permissions::from_mode(0o700))?;
        Ok(place)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// One log file for each process.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// One pid file for each process.
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// Generated passwords and keys, readable by us alone.
    pub fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    /// The log file of a process.
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// The pid file of a process.
    pub fn pid_file(&self, name: &str) -> PathBuf {
        self.run().join(format!("{name}.pid"))
    }

    /// Starts a process, with its log and pid file here, and waits until it is
    /// ready.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub async fn start(&self, spec: Spec) -> Result<Process> {
        let (log, pid_file) = (self.log(&spec.name), self.pid_file(&spec.name));
        let process = Process::new(spec, log, pid_file);
        self.list().push(process.clone());
        process.start().await?;
        Ok(process)
    }

    /// Every process that was started here, in that order.
    pub fn processes(&self) -> Vec<Process> {
        self.list().clone()
    }

    fn list(&self) -> MutexGuard<'_, Vec<Process>> {
        self.processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A component's own folder.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.join(name);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(folder)
    }

    /// A component's own folder, owned by and reachable for `account`.
    ///
    /// # Errors
    /// When it cannot be created or given away.
    pub fn folder_for(&self, name: &str, account: Option<&Account>) -> Result<PathBuf> {
        let Some(account) = account else {
            return self.folder(name);
        };
        if account.can_enter(&self.root) {
            let folder = self.folder(name)?;
            account.own(&folder)?;
            return Ok(folder);
        }
        let folder = outside_of(&self.root).join(name);
        let link = self.root.join(name);
        if fs::symlink_metadata(&link).is_err() && folder.exists() {
            // Of a place at this path that was deleted since.
            fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        account.own(&folder)?;
        // A link, so that it is found where one looks for it.
        match symlink(&folder, link) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error)?,
            _ => Ok(folder),
        }
    }

    /// Puts the logs of the last run aside, so that each begins anew.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn rotate_logs(&self) -> Result<()> {
        for entry in fs::read_dir(self.logs())?.flatten() {
            let log = entry.path();
            // The launcher's own, when it is detached, is being written already.
            let ours = log.file_stem().is_some_and(|name| name == "glasshouse");
            if !ours && log.extension().is_some_and(|extension| extension == "log") {
                fs::rename(&log, log.with_extension("log.1"))?;
            }
        }
        Ok(())
    }

    /// A secret of that name: generated when it is first asked for.
    ///
    /// # Errors
    /// When its file cannot be read or written.
    pub fn secret(&self, name: &str) -> Result<String> {
        let path = self.secrets().join(name);
        match fs::read_to_string(&path) {
            Ok(secret) => Ok(secret.trim_end().to_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let secret = random_secret();
                write_secret(&path, &secret)?;
                Ok(secret)
            }
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    /// Removes everything, also what had to live elsewhere.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn remove(&self) -> Result<()> {
        let outside = outside_of(&self.root);
        for folder in [&outside, &self.root] {
            remove(folder).with_context(|| folder.display().to_string())?;
        }
        Ok(())
    }
}

/// Writes a file that only we can read.
///
/// # Errors
/// When it cannot be written.
pub fn write_secret(path: &Path, content: &str) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let file = options
        .open(path)
        .and_then(|mut file| file.write_all(content.as_bytes()));
    file.with_context(|| path.display().to_string())
}

fn outside_of(root: &Path) -> PathBuf {
    let digest = Sha256::digest(root.as_os_str().as_encoded_bytes());
    Path::new(ELSEWHERE).join(format!("glasshouse-{}", &hex(&digest)[..12]))
}

/// A new password or token: 192 random bits, in hexadecimal, so that no format
/// needs it escaped.
pub fn random_secret() -> String {
    hex(&rand::rng().random::<[u8; 24]>())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
