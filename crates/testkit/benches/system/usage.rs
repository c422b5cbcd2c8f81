//! What the operating system says that the services use.

use std::fs;
use std::time::Duration;

use testkit::{Service, System};

/// todo-api, chat-gateway, event-worker.
pub struct Usage(pub [Process; 3]);

#[derive(Clone, Copy)]
pub struct Process {
    /// Seconds on a core since the start, of all threads that live.
    pub cpu: f64,
    /// Bytes.
    pub resident: f64,
}

impl Usage {
    pub fn of(system: &System) -> Self {
        Self([&system.todo_api, &system.chat_gateway, &system.event_worker].map(process))
    }

    /// After the first checks and exports.
    pub async fn resting(system: &System) -> Self {
        tokio::time::sleep(Duration::from_secs(3)).await;
        Self::of(system)
    }
}

fn process(service: &Service) -> Process {
    let folder = format!("/proc/{}", service.pid());
    let threads = fs::read_dir(format!("{folder}/task")).expect("a running service");
    let nanoseconds: u64 = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok())
        .filter_map(|stat| stat.split_whitespace().next()?.parse::<u64>().ok())
        .sum();
    let status = fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    Process {
        cpu: nanoseconds as f64 / 1e9,
        resident: kilobytes.unwrap_or_default() * 1024.0,
    }
}
