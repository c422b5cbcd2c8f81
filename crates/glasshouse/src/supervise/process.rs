//! A process that can be started, stopped and started again.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use tokio::time::{sleep, timeout};

use super::account::Account;
use super::running::Running;
use super::{Ready, pid_file, spawner, tail};

/// How often a starting process is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(15);

/// Everything needed to start a process, as often as it takes.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What people call it; also the name of its log and pid files.
    pub name: String,
    /// The executable, with its path.
    pub program: PathBuf,
    /// Command line arguments.
    pub arguments: Vec<String>,
    /// Variables set besides the inherited ones.
    pub environment: BTreeMap<String, String>,
    /// Working directory.
    pub directory: PathBuf,
    /// Run as somebody else (only root can).
    pub account: Option<Account>,
    /// The signal that asks it to stop.
    pub stop_signal: Signal,
    /// When it counts as started.
    pub ready: Ready,
    /// How long that may take.
    pub ready_within: Duration,
}

/// A process under supervision. Clones are the same process.
#[derive(Clone)]
pub struct Process(Arc<Inner>);

struct Inner {
    spec: Spec,
    log: PathBuf,
    pid_file: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: Option<Running>,
    stop_wanted: bool,
}

impl Process {
    /// A process that has not been started yet. Its standard output and standard
    /// error are appended to `log`; who it is stands in `pid_file` while it runs.
    pub fn new(spec: Spec, log: PathBuf, pid_file: PathBuf) -> Self {
        let state = Mutex::default();
        Self(Arc::new(Inner {
            spec,
            log,
            pid_file,
            state,
        }))
    }

    /// How it is started.
    pub fn spec(&self) -> &Spec {
        &self.0.spec
    }

    /// Its log file.
    pub fn log(&self) -> &Path {
        &self.0.log
    }

    /// The process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        let running = self.running()?;
        (!running.has_ended()).then(|| running.pid())
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started, ends at once or is not ready in time; with
    /// the last lines of its log. It is not left running then.
    pub async fn start(&self) -> Result<()> {
        let running = self.spawn()?;
        let spec = self.spec();
        let ended = async {
            let status = running.ended().await;
            anyhow::anyhow!("{} ended while starting: {status}", spec.name)
        };
        let failure = tokio::select! {
            biased;
            failure = ended => failure,
            answer = wait_until_ready(spec) => match answer {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            },
        };
        self.stop(Duration::from_secs(1)).await;
        let lines = tail::last_lines(self.log(), 8).join("\n    ");
        bail!(
            "{failure:#}\n    {lines}\n  (all of it: {})",
            self.log().display()
        )
    }

    fn spawn(&self) -> Result<Running> {
        let spec = self.spec();
        pid_file::clean(&self.0.pid_file, Duration::from_secs(5))?;
        let log = open_log(self.log())?;
        let mut command = Command::new(&spec.program);
        command
            .args(&spec.arguments)
            .envs(&spec.environment)
            .current_dir(&spec.directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some(account) = &spec.account {
            account.apply(&mut command);
        }
        let child = spawner::spawn(command, spec.stop_signal)
            .with_context(|| format!("{} ({})", spec.name, spec.program.display()))?;
        let running = Running::follow(child)?;
        pid_file::write(&self.0.pid_file, running.pid())?;
        let mut state = self.state();
        state.stop_wanted = false;
        state.running = Some(running.clone());
        Ok(running)
    }

    /// Asks it to stop, and kills it when it has not after `patience`.
    pub async fn stop(&self, patience: Duration) {
        let running = {
            let mut state = self.state();
            state.stop_wanted = true;
            state.running.clone()
        };
        let Some(running) = running else { return };
        running.signal(self.spec().stop_signal);
        if timeout(patience, running.ended()).await.is_err() {
            running.signal(Signal::SIGKILL);
            // Only a process stuck in the kernel outlives this.
            let _ = timeout(Duration::from_secs(2), running.ended()).await;
        }
        let _ = fs::remove_file(&self.0.pid_file);
    }

    /// Ends it without a word, as a crash would; what is left of its pid file
    /// is cleaned by the next start.
    pub async fn kill(&self) {
        self.state().stop_wanted = true;
        if let Some(running) = self.running() {
            running.signal(Signal::SIGKILL);
            running.ended().await;
        }
    }

    /// Waits for its end. `None` when that end was asked for.
    pub async fn ended(&self) -> Option<ExitStatus> {
        let status = self.running()?.ended().await;
        (!self.state().stop_wanted).then_some(status)
    }

    fn running(&self) -> Option<Running> {
        self.state().running.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn wait_until_ready(spec: &Spec) -> Result<()> {
    let deadline = Instant::now() + spec.ready_within;
    loop {
        match spec.ready.check().await {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() >= deadline => {
                let seconds = spec.ready_within.as_secs();
                return Err(error.context(format!("{} not ready in {seconds} s", spec.name)));
            }
            Err(_) => sleep(ASK_EVERY).await,
        }
    }
}

fn open_log(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    let file = options.create(true).append(true).open(path);
    file.with_context(|| path.display().to_string())
}
