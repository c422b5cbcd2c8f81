//! One started process, until it has been reaped.

use std::io;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use nix::errno::Errno;
use nix::sys::signal::{self, Signal};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::sync::watch;

/// A handle that many can hold: whoever started the process may be a runtime
/// that is long gone (each test has its own), so a thread waits for it.
#[derive(Clone)]
pub(super) struct Running {
    pid: Pid,
    reaped: Arc<Mutex<bool>>,
    exit: watch::Receiver<Option<ExitStatus>>,
}

impl Running {
    pub(super) fn follow(mut child: Child) -> io::Result<Self> {
        let pid = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
        let reaped = Arc::new(Mutex::new(false));
        let (ended, exit) = watch::channel(None);
        let done = Arc::clone(&reaped);
        let wait = move || {
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            while waitid(Id::Pid(pid), flags) == Err(Errno::EINTR) {}
            // Reaping frees the pid for reuse: no signal may be under way then.
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            let status = child.wait();
            *done = true;
            drop(done);
            ended.send_replace(Some(status.unwrap_or_default()));
        };
        thread::Builder::new()
            .name(format!("wait-{pid}"))
            .stack_size(64 * 1024)
            .spawn(wait)?;
        Ok(Self { pid, reaped, exit })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.exit.borrow().is_some()
    }

    /// Sends a signal unless the process has already been reaped.
    pub(super) fn signal(&self, signal: Signal) {
        let reaped = self.reaped.lock().unwrap_or_else(PoisonError::into_inner);
        if !*reaped {
            // It may have become a zombie meanwhile, which is as good.
            let _ = signal::kill(self.pid, signal);
        }
    }

    pub(super) async fn ended(&self) -> ExitStatus {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(status) => status.unwrap_or_default(),
            // The waiting thread is gone without a word: treat it as ended.
            Err(_) => ExitStatus::default(),
        }
    }
}
