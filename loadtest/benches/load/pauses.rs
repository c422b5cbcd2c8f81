//! What the core itself does: a thread that only reads the clock finds when it was
//! taken off, by the kernel or, in a virtual machine, by the host.

use std::env;
use std::time::{Duration, Instant};

use crate::tools;

/// Shorter ones a generator is allowed, too.
pub const ABOVE: Duration = Duration::from_micros(200);

/// Of one look at the core.
#[derive(Clone, Copy)]
pub struct Pauses {
    /// Part of the time.
    pub share: f64,
    pub longest: Duration,
}

impl Pauses {
    /// Looks for so long, from a process of its own on the generator's core.
    pub fn of_core(look: Duration) -> Self {
        let output = tools::pinned()
            .arg(env::current_exe().unwrap())
            .args(["pauses", &look.as_millis().to_string()])
            .output()
            .expect("taskset");
        let text = String::from_utf8(output.stdout).expect("figures");
        let mut figures = text.split_whitespace().map(|text| text.parse::<f64>());
        let mut next = || figures.next().expect("a figure").expect("a number");
        Self {
            share: next(),
            longest: Duration::from_secs_f64(next()),
        }
    }
}

/// The other process: prints the share and the longest, in seconds.
pub fn look(milliseconds: u64) {
    let (began, look) = (Instant::now(), Duration::from_millis(milliseconds));
    let (mut last, mut away, mut longest) = (began, Duration::ZERO, Duration::ZERO);
    while last - began < look {
        let now = Instant::now();
        let gap = now - last;
        if gap > ABOVE {
            away += gap;
            longest = longest.max(gap);
        }
        last = now;
    }
    let share = away.as_secs_f64() / look.as_secs_f64();
    println!("{share} {}", longest.as_secs_f64());
}
