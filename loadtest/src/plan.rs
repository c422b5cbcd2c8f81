//! What a run is to do.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::arrivals::Arrivals;
use crate::outline::{Kind, Outline, Schedule, StepAbout};
use crate::target::Target;

/// Who decides when the next request goes.
#[derive(Debug, Clone)]
pub enum Pace {
    /// The schedule, whatever the server does: as users do, who know nothing of
    /// each other.
    Open(Arrivals),
    /// The server: each connection sends when it has had its answer. Finds the
    /// highest rate; its latencies hide whatever a stall kept from being sent.
    Closed {
        /// For how long.
        duration: Duration,
    },
}

impl Pace {
    /// How long requests are sent.
    pub fn duration(&self) -> Duration {
        match self {
            Self::Open(arrivals) => arrivals.duration,
            Self::Closed { duration } => *duration,
        }
    }
}

/// The request that is sent again and again.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its method.
    pub method: Method,
    /// Its headers, beside `host` and the body's length.
    pub headers: HeaderMap,
    /// Its body, often empty.
    pub body: Bytes,
}

impl Default for Template {
    fn default() -> Self {
        Self {
            method: Method::GET,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }
}

/// A run: what, where to, when, and within which bounds.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where to.
    pub target: Target,
    /// What.
    pub template: Template,
    /// When.
    pub pace: Pace,
    /// Threads, each with a runtime of its own.
    pub workers: usize,
    /// Connections at most, over all workers; at least one for each.
    pub connections: usize,
    /// An exchange that takes longer is given up, and its connection closed.
    pub timeout: Duration,
    /// Requests that may wait for a connection, over all workers. Beyond it they
    /// are counted as unsent, and the run is invalid.
    pub waiting: usize,
    /// The generator's own lateness at the 99th percentile, beyond which the run
    /// is invalid.
    pub lateness: Duration,
    /// The share of requests whose trace the services are to keep, from 0 to 1;
    /// without it requests have no trace header.
    pub traces: Option<f64>,
}

impl Plan {
    /// A plan with the defaults of the command line.
    pub fn new(target: Target, pace: Pace) -> Self {
        Self {
            target,
            template: Template::default(),
            pace,
            workers: 1,
            connections: 256,
            timeout: Duration::from_secs(10),
            waiting: 1_000_000,
            lateness: Duration::from_millis(5),
            traces: Some(0.01),
        }
    }
}

impl Plan {
    pub(crate) fn outline(&self) -> Outline {
        let schedule = match &self.pace {
            Pace::Open(arrivals) => Some(Schedule::of(arrivals)),
            Pace::Closed { .. } => None,
        };
        Outline {
            scenario: None,
            target: self.target.to_string(),
            schedule,
            planned: self.pace.duration(),
            workers: self.workers,
            connections: self.connections,
            lateness: self.lateness,
            steps: vec![StepAbout {
                name: format!("{} {}", self.template.method, self.target.uri.path()),
                kind: Kind::Http,
            }],
        }
    }
}
