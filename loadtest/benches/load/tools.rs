//! The tools, each run alike: one core, the same connections, the same server.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde_json::Value;

use crate::server::Server;

const CORE: &str = "1";
pub const CONNECTIONS: usize = 64;

/// A tool that was found.
pub enum Tool {
    Ours,
    Wrk,
    Oha(PathBuf),
    Hey(PathBuf),
}

/// One run of one tool.
#[derive(Clone)]
pub struct Run {
    pub rate: f64,
    seconds: f64,
    cpu: f64,
    server_cpu: f64,
}

impl Run {
    pub fn cpu_each(&self) -> f64 {
        self.cpu / (self.rate * self.seconds)
    }

    pub fn busy(&self) -> f64 {
        self.cpu / self.seconds
    }

    pub fn server_busy(&self) -> f64 {
        self.server_cpu / self.seconds
    }
}

impl Tool {
    /// Ours first; the others as they are installed.
    pub fn found() -> Vec<Self> {
        let mut tools = vec![Self::Ours];
        tools.extend(program("wrk").map(|_| Self::Wrk));
        tools.extend(program("oha").map(Self::Oha));
        tools.extend(program("hey").map(Self::Hey));
        tools
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Ours => "glasshouse",
            Self::Wrk => "wrk",
            Self::Oha(_) => "oha",
            Self::Hey(_) => "hey",
        }
    }

    /// Our rate as a part of theirs, at least.
    pub fn goal(&self) -> f64 {
        match self {
            Self::Ours => 1.0,
            Self::Wrk => 0.95,
            Self::Oha(_) | Self::Hey(_) => 1.1,
        }
    }

    pub fn run(&self, server: &Server, seconds: usize) -> Run {
        let url = server.url();
        let seconds_text = seconds.to_string();
        let connections = CONNECTIONS.to_string();
        let mut command = pinned();
        match self {
            Self::Ours => {
                command.arg(env!("CARGO_BIN_EXE_loadtest"));
                command.args([&url, "--closed-loop", "--traces", "off"]);
                command.args(["-c", &connections, "-d", &seconds_text]);
            }
            Self::Wrk => {
                command.args(["wrk", "-t1", "-c", &connections, "-d", &seconds_text, &url]);
            }
            Self::Oha(program) => {
                command
                    .arg(program)
                    .args(["--no-tui", "--output-format", "json"]);
                command.args(["-c", &connections, "-z", &format!("{seconds}s"), &url]);
            }
            Self::Hey(program) => {
                command
                    .arg(program)
                    .args(["-cpus", "1", "-c", &connections]);
                command.args(["-z", &format!("{seconds}s"), &url]);
            }
        }
        let (cpu, server_cpu, began) = (children(), server.cpu(), Instant::now());
        let output = command.output().expect("taskset");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}: {text}", self.name());
        let rate = match self {
            Self::Ours => between(&text, "answered ", "/s")
                .rsplit('(')
                .next()
                .unwrap(),
            Self::Wrk | Self::Hey(_) => between(&text, "Requests/sec:", "\n"),
            Self::Oha(_) => between(&text, "\"requestsPerSec\":", ","),
        };
        Run {
            rate: rate.trim().parse().expect("a rate"),
            seconds: began.elapsed().as_secs_f64(),
            cpu: (children() - cpu).as_secs_f64(),
            server_cpu: (server.cpu() - server_cpu).as_secs_f64(),
        }
    }
}

/// A run of ours at that rate, as the document it writes.
pub fn open_loop(server: &Server, rate: f64, seconds: f64) -> Value {
    let out = env::temp_dir().join(format!("bench-load-{}.json", std::process::id()));
    let output = pinned()
        .arg(env!("CARGO_BIN_EXE_loadtest"))
        .args([&server.url(), "--traces", "off", "--max-lateness", "10"])
        .args([
            "--rate",
            &rate.round().to_string(),
            "-d",
            &seconds.to_string(),
        ])
        .args(["-c", "1000", "--out"])
        .arg(&out)
        .output()
        .expect("taskset");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{text}");
    let json = std::fs::read(&out).expect("the run's document");
    std::fs::remove_file(out).unwrap();
    serde_json::from_slice(&json).expect("JSON")
}

/// On the core of whoever loads the server.
pub fn pinned() -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", CORE]);
    command
}

fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// CPU of all children that have ended.
fn children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let used = usage.user_time() + usage.system_time();
    Duration::from_micros(used.num_microseconds().unsigned_abs())
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let start = text
        .find(before)
        .unwrap_or_else(|| panic!("no {before:?} in {text}"));
    let rest = &text[start + before.len()..];
    &rest[..rest.find(after).unwrap_or(rest.len())]
}
