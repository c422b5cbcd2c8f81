//! What a run was, as its report names it: the same for one request sent again and
//! again and for a scenario of journeys.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::arrivals::{Arrivals, Spacing};

/// A run without its numbers.
#[derive(Debug, Clone)]
pub(crate) struct Outline {
    /// The scenario's name, if it is one.
    pub scenario: Option<String>,
    /// Where the load goes, for people.
    pub target: String,
    /// Of an open loop; a closed one has none.
    pub schedule: Option<Schedule>,
    /// How long it sends.
    pub planned: Duration,
    /// Threads.
    pub workers: usize,
    /// Connections at most.
    pub connections: usize,
    /// The generator's own lateness at p99, beyond which the run is invalid.
    pub lateness: Duration,
    /// The rows of the report, and of each record.
    pub steps: Vec<StepAbout>,
}

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct StepAbout {
    /// Its name; of a part `step.part`.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// What a row of the report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A request of HTTP: also an upload or a signed webhook.
    Http,
    /// A socket opened, or a frame sent and what came of it.
    Websocket,
    /// An answer that comes as a stream of events.
    Sse,
    /// A message produced, until the broker has acknowledged it.
    Kafka,
    /// A part of a step, such as the first event of a stream. Not counted again.
    Part,
    /// A whole journey with its pauses. Not counted again.
    Journey,
}

impl Kind {
    /// Whether it is work in itself, and not another view of other rows.
    #[must_use]
    pub fn counts(self) -> bool {
        !matches!(self, Self::Part | Self::Journey)
    }
}

/// An open loop's schedule, enough to repeat it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// As `--rate` takes it; of a scenario the phases one after the other.
    pub shape: String,
    /// `even` or `poisson`.
    pub spacing: String,
    /// Of the random spacing, and of a scenario's data.
    pub seed: u64,
}

impl Schedule {
    pub(crate) fn of(arrivals: &Arrivals) -> Self {
        Self {
            shape: arrivals.shape.to_string(),
            spacing: match arrivals.spacing {
                Spacing::Even => "even".to_owned(),
                Spacing::Poisson => "poisson".to_owned(),
            },
            seed: arrivals.seed,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A run of one request.
    pub(crate) fn single(target: &str, seconds: u64) -> Outline {
        Outline {
            scenario: None,
            target: target.to_owned(),
            schedule: None,
            planned: Duration::from_secs(seconds),
            workers: 1,
            connections: 1,
            lateness: Duration::from_millis(5),
            steps: vec![StepAbout {
                name: "GET /".to_owned(),
                kind: Kind::Http,
            }],
        }
    }
}
