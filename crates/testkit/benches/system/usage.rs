//! What the operating system says that the services use.

use std::fs;
use std::time::Duration;

use testkit::System;

/// Ticks a second in which `/proc` counts (`USER_HZ`, proc_pid_stat(5)): the same on
/// every machine that this runs on.
const TICKS: f64 = 100.0;

/// Process ids of todo-api, chat-gateway, event-worker.
#[derive(Clone, Copy)]
pub struct Services([i32; 3]);

impl Services {
    pub fn of(system: &System) -> Self {
        Self([&system.todo_api, &system.chat_gateway, &system.event_worker].map(|one| one.pid()))
    }

    pub fn usage(self) -> Usage {
        Usage(self.0.map(process))
    }

    /// After the first checks and exports.
    pub async fn resting(self) -> Usage {
        tokio::time::sleep(Duration::from_secs(3)).await;
        self.usage()
    }
}

/// In the order of [`Services`].
pub struct Usage(pub [Process; 3]);

#[derive(Clone, Copy)]
pub struct Process {
    /// Seconds on a core since the start, of all threads that there ever were.
    pub cpu: f64,
    /// Bytes.
    pub resident: f64,
}

fn process(pid: i32) -> Process {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running service");
    // The name in parentheses is the second field, and may have anything in it.
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let [user, system] = [11, 12].map(|at| {
        let ticks = fields.split_whitespace().nth(at);
        ticks.and_then(|ticks| ticks.parse::<f64>().ok())
    });
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    Process {
        cpu: user
            .zip(system)
            .map_or(f64::NAN, |(user, system)| (user + system) / TICKS),
        resident: kilobytes.unwrap_or_default() * 1024.0,
    }
}
