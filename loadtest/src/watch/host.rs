//! How busy the machine is: on a laptop the services' load and the generator's.

use std::fs;

/// The machine's use of its cores since it was last asked, and of its memory.
#[derive(Debug)]
pub(super) struct Host {
    /// Ticks at work, and all of them.
    ticks: (u64, u64),
}

impl Host {
    pub(super) fn new() -> Self {
        Self {
            ticks: ticks().unwrap_or_default(),
        }
    }

    /// The share of all cores that was at work since the last call, 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    pub(super) fn cpu(&mut self) -> f64 {
        let now = ticks().unwrap_or_default();
        let (work, all) = (
            now.0.saturating_sub(self.ticks.0),
            now.1.saturating_sub(self.ticks.1),
        );
        self.ticks = now;
        work as f64 / all.max(1) as f64
    }

    /// The share of memory that nobody else can have, 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    pub(super) fn memory(&self) -> f64 {
        let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kilobytes = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        match (kilobytes("MemTotal:"), kilobytes("MemAvailable:")) {
            (Some(total), Some(free)) => 1.0 - free as f64 / total.max(1) as f64,
            _ => 0.0,
        }
    }
}

/// Of the first line of /proc/stat: all but idle and waiting for a disk is work.
fn ticks() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let numbers = text.lines().next()?.split_whitespace().skip(1).take(8);
    let ticks: Vec<u64> = numbers.map_while(|number| number.parse().ok()).collect();
    let all = ticks.iter().sum::<u64>();
    Some((all - ticks.get(3)? - ticks.get(4)?, all))
}
