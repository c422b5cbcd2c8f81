//! Waking at a time more exact than the runtime's timer, which counts
//! milliseconds.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::unix::AsyncFd;

struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// A timer of the kernel, waited for with the sockets.
pub(crate) struct Alarm(AsyncFd<Timer>);

impl Alarm {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe code; Timer owns its descriptor and never changes it"
        )]
        Ok(Self(AsyncFd::new(Timer(timer))?))
    }

    /// Waits that long; may return early, so ask the clock and wait again.
    pub(crate) async fn after(&mut self, wait: Duration) -> io::Result<()> {
        // To the kernel, no time at all means never.
        if wait.is_zero() {
            return Ok(());
        }
        // Setting it anew forgets the last expiry: no need to read that first.
        self.0.get_ref().0.set(
            Expiration::OneShot(TimeSpec::from(wait)),
            TimerSetTimeFlags::empty(),
        )?;
        self.0.readable().await?.clear_ready();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_time_at_all_is_over_at_once() {
        let mut alarm = Alarm::new().unwrap();
        for wait in [Duration::from_micros(1), Duration::ZERO] {
            let rings = alarm.after(wait);
            let rang = tokio::time::timeout(Duration::from_secs(5), rings).await;
            rang.expect("it rings").unwrap();
        }
    }
}
