//! What is said about a run beside its scenario.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::arrivals::{Arrivals, Spacing};
use crate::engine::RunError;
use crate::scenario::Gaps;
use crate::scenario::Scenario;
use crate::target::Target;

/// Where the targets are, and how the scenario is to be changed.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Addresses by name, before those of the scenario.
    pub targets: BTreeMap<String, String>,
    /// Values of the scenario, in place of its own.
    pub values: BTreeMap<String, String>,
    /// Allow targets that are neither this machine nor in a private network.
    pub allow_remote: bool,
    /// Threads, each with connections and users of its own.
    pub workers: usize,
    /// Times the rates of the scenario.
    pub rate: f64,
    /// All phases together take this long, each its share; of a search, each rate.
    pub duration: Option<Duration>,
    /// In place of the scenario's.
    pub seed: Option<u64>,
    /// The share of requests whose trace the services are asked to keep; without
    /// one, no trace header.
    pub traces: Option<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            targets: BTreeMap::new(),
            values: BTreeMap::new(),
            allow_remote: false,
            workers: 1,
            rate: 1.0,
            duration: None,
            seed: None,
            traces: Some(0.01),
        }
    }
}

/// A phase as it is run.
#[derive(Debug, Clone)]
pub(crate) struct Phase {
    pub(crate) duration: Duration,
    pub(crate) pace: Pace,
}

#[derive(Debug, Clone)]
pub(crate) enum Pace {
    /// Arrivals, counted from the phase's beginning.
    Open(Arrivals),
    /// So many users, each of whom begins again when done.
    Closed(usize),
}

impl Settings {
    /// The scenario's phases with its changes.
    pub(super) fn phases(&self, scenario: &Scenario) -> Vec<Phase> {
        let planned = scenario.planned().as_secs_f64();
        let stretch = self
            .duration
            .map_or(1.0, |wanted| wanted.as_secs_f64() / planned);
        let seed = self.seed.unwrap_or(scenario.seed);
        let phase = |(phase, n): (&crate::scenario::Phase, u64)| {
            let duration = phase.duration.0.mul_f64(stretch);
            let pace = match (&phase.rate, phase.closed) {
                (Some(rate), _) => Pace::Open(Arrivals {
                    shape: rate.0.times(self.rate),
                    spacing: match phase.spacing {
                        Gaps::Even => Spacing::Even,
                        Gaps::Poisson => Spacing::Poisson,
                    },
                    duration,
                    // Two phases alike must not have the same arrivals.
                    seed: seed.wrapping_add(n),
                }),
                (None, closed) => Pace::Closed(closed.unwrap_or(1)),
            };
            Phase { duration, pace }
        };
        let phases = scenario.phases.iter().map(|phase| &phase.value);
        phases.zip(0..).map(phase).collect()
    }

    /// The targets that the scenario uses, resolved.
    pub(super) async fn resolve(
        &self,
        scenario: &Scenario,
    ) -> Result<BTreeMap<String, Target>, RunError> {
        let mut targets = BTreeMap::new();
        for name in scenario.used_targets() {
            let address = self
                .targets
                .get(&name)
                .or_else(|| scenario.targets.get(&name));
            let address = address.ok_or_else(|| RunError::NoTarget(name.clone()))?;
            // Brokers are written without a scheme.
            let url = match address.contains("://") {
                true => address.clone(),
                false => format!("http://{address}"),
            };
            targets.insert(name, Target::resolve(&url, self.allow_remote).await?);
        }
        Ok(targets)
    }
}

/// The phases as a report shows them; `None` for a closed loop.
pub(super) fn shape(phases: &[Phase]) -> Option<(String, String)> {
    let mut spacing = "even";
    let mut shapes = Vec::new();
    for phase in phases {
        let Pace::Open(arrivals) = &phase.pace else {
            return None;
        };
        if arrivals.spacing == Spacing::Poisson {
            spacing = "poisson";
        }
        shapes.push(format!("{} for {:.1?}", arrivals.shape, phase.duration));
    }
    Some((shapes.join(", then "), spacing.to_owned()))
}
