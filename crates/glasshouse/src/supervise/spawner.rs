//! Starts children so that they end when this process ends, however it ends.

use std::io;
use std::os::unix::process::{CommandExt, parent_id};
use std::process::{Child, Command};
use std::sync::{OnceLock, mpsc};
use std::thread;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::Signal;

type Job = Box<dyn FnOnce() + Send>;

/// Spawns `command` in its own process group, to be sent `death_signal` when
/// this process is gone.
///
/// The kernel sends that signal when the *thread* which forked ends, not the
/// process, and a runtime's worker threads come and go. So every child is
/// forked by one thread that lives as long as the process.
pub(super) fn spawn(mut command: Command, death_signal: Signal) -> io::Result<Child> {
    command.process_group(0);
    bind_to_parent(&mut command, death_signal);
    let (reply, answer) = mpsc::sync_channel(1);
    let job: Job = Box::new(move || drop(reply.send(command.spawn())));
    let gone = || io::Error::other("the spawner thread is gone");
    spawner()?.send(job).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}

fn spawner() -> io::Result<mpsc::Sender<Job>> {
    static SPAWNER: OnceLock<Option<mpsc::Sender<Job>>> = OnceLock::new();
    SPAWNER
        .get_or_init(|| {
            let (sender, jobs) = mpsc::channel::<Job>();
            let run = move || jobs.into_iter().for_each(|job| job());
            let thread = thread::Builder::new().name("spawner".into()).spawn(run);
            thread.ok().map(|_| sender)
        })
        .clone()
        .ok_or_else(|| io::Error::other("the spawner thread could not be started"))
}

// `pre_exec` is unsafe because its closure runs between fork and exec, where
// only async-signal-safe calls are sound. prctl and getppid are such calls, and
// the closure neither allocates nor locks.
#[allow(unsafe_code)]
fn bind_to_parent(command: &mut Command, death_signal: Signal) {
    let parent = std::process::id();
    let bind = move || {
        // Runs after setuid, which would have cleared the setting again.
        prctl::set_pdeathsig(death_signal)?;
        // The parent may have died before the line above took effect.
        if parent_id() == parent {
            Ok(())
        } else {
            Err(Errno::ESRCH.into())
        }
    };
    unsafe { command.pre_exec(bind) };
}
