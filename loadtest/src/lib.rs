//! The load generator: requests at the times they were meant to go, whatever the
//! server does, and latencies measured from those times.
//!
//! A tool that waits for a slow answer before it sends the next request does not
//! measure the wait of those it has not sent ("coordinated omission"). Here an
//! [`Arrivals`] schedule decides, [`run`] keeps it, and a [`Report`] says first
//! whether it could: a run that was not kept is no result.

mod arrivals;
pub mod cli;
pub mod compare;
mod engine;
mod exit;
mod failure;
mod http1;
mod journeys;
mod limits;
pub mod load;
mod outline;
mod output;
mod page;
mod plan;
mod protocol;
mod record;
mod report;
pub mod scenario;
mod script;
mod summary;
mod target;
mod trace;
mod watch;

pub use arrivals::{Arrivals, ParseError, Shape, Spacing, Times};
pub use engine::{RunError, run, run_watched};
pub use failure::Failure;
pub use journeys::{Settings, run as run_scenario};
pub use limits::TooFewFiles;
pub use outline::{Kind, Schedule};
pub use output::Output;
pub use page::Page;
pub use plan::{Pace, Plan, Template};
pub use report::{
    Breakpoint, Latency, Link, Machine, Moment, Report, Slow, Step, StepMoment, Trial, Verdict,
};
pub use scenario::{Scenario, ScenarioError};
pub use summary::Summary;
pub use target::{Target, TargetError};
pub use watch::{Watch, metrics};
