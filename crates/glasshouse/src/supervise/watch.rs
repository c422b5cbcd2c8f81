//! Brings a process back when it dies.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{Process, tail};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// After this long alive, a death counts as the first again.
const SETTLED: Duration = Duration::from_secs(60);

/// What happened to a watched process.
#[derive(Debug)]
pub enum Event {
    /// It ended by itself and will be started again after a pause.
    Died {
        /// How it ended.
        status: ExitStatus,
        /// The end of its log.
        last_lines: Vec<String>,
        /// How long until the next attempt.
        again_in: Duration,
    },
    /// It runs again and is ready.
    Back,
    /// It could not be started again; there will be another attempt.
    StillDown {
        /// Why not.
        reason: String,
        /// How long until the next attempt.
        again_in: Duration,
    },
}

/// Watches a started process until its end is asked for, and starts it again
/// whenever it ends otherwise.
pub async fn watch(process: Process, report: impl Fn(&Event)) {
    let mut pause = FIRST_PAUSE;
    loop {
        let since = Instant::now();
        let Some(status) = process.ended().await else {
            return;
        };
        if since.elapsed() > SETTLED {
            pause = FIRST_PAUSE;
        }
        let last_lines = tail::last_lines(process.log(), 10);
        report(&Event::Died {
            status,
            last_lines,
            again_in: pause,
        });
        loop {
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            match process.start().await {
                Ok(()) => break report(&Event::Back),
                Err(error) => {
                    let reason = format!("{error:#}");
                    report(&Event::StillDown {
                        reason,
                        again_in: pause,
                    });
                }
            }
        }
    }
}
