//! A scenario made ready to run: every step with the rows it is counted in.

pub(crate) mod rows;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_saphyr::Spanned;

use crate::scenario::{Action, Pause, Scenario, Step, Template};

/// What is done, and where it is written down.
pub(crate) struct Script {
    pub(crate) journeys: Vec<Journey>,
    pub(crate) renew: Vec<Planned>,
    /// The weights, added up.
    shares: Vec<f64>,
}

/// A journey.
pub(crate) struct Journey {
    pub(crate) row: usize,
    pub(crate) headers: BTreeMap<String, Template>,
    pub(crate) data: BTreeMap<String, Template>,
    pub(crate) think: Option<Pause>,
    pub(crate) steps: Vec<Planned>,
}

/// A step, and its first row; its parts have the rows after it.
pub(crate) struct Planned {
    pub(crate) step: Step,
    pub(crate) row: usize,
}

impl Planned {
    fn longest(&self, timeout: Duration) -> Duration {
        let once = match self.action() {
            Action::Pause(pause) => pause.most(),
            Action::Kafka(kafka) => {
                let effect = kafka.effect.as_ref().map(|effect| effect.within);
                let within = effect.map(|within| within.map_or(timeout, |within| within.0));
                timeout + within.unwrap_or_default()
            }
            _ => timeout,
        };
        once.saturating_mul(self.step.repeat)
    }

    pub(crate) fn action(&self) -> Action<'_> {
        self.step
            .action()
            .expect("a scenario is checked when it is read")
    }
}

impl Script {
    pub(crate) fn of(scenario: &Scenario) -> Self {
        let rows = rows::of(scenario);
        let row = |name: &str| {
            let found = rows.iter().position(|row| row.name == name);
            found.expect("the rows are made of the same steps")
        };
        let plan = |steps: &[Spanned<Step>]| -> Vec<Planned> {
            let plan = |step: &Spanned<Step>| Planned {
                row: if step.value.name.is_empty() {
                    0
                } else {
                    row(&step.value.name)
                },
                step: step.value.clone(),
            };
            steps.iter().map(plan).collect()
        };
        let journeys = scenario.journeys.iter().map(|journey| Journey {
            row: row(&journey.value.name),
            headers: journey.value.headers.clone(),
            data: journey.value.data.clone(),
            think: journey.value.think,
            steps: plan(&journey.value.steps),
        });
        let renew = scenario
            .users
            .as_ref()
            .and_then(|users| users.renew.as_ref());
        let mut sum = 0.0;
        let shares = scenario.journeys.iter().map(|journey| {
            sum += journey.value.weight;
            sum
        });
        Self {
            shares: shares.collect(),
            journeys: journeys.collect(),
            renew: renew.map(|renew| plan(&renew.steps)).unwrap_or_default(),
        }
    }

    /// How long a journey may take at most, if every exchange takes `timeout`.
    pub(crate) fn longest(&self, timeout: Duration) -> Duration {
        let journeys = self.journeys.iter().map(|journey| {
            let think = journey.think.map_or(Duration::ZERO, |think| think.most());
            let steps = journey.steps.iter().map(|step| step.longest(timeout));
            steps.fold(Duration::ZERO, |all, step| all.saturating_add(step + think))
        });
        journeys.max().unwrap_or(timeout)
    }

    /// The journey at this point of the weights, from 0 to 1.
    pub(crate) fn choose(&self, point: f64) -> &Journey {
        let whole = self.shares.last().copied().unwrap_or(1.0);
        let chosen = self.shares.partition_point(|share| *share <= point * whole);
        &self.journeys[chosen.min(self.journeys.len() - 1)]
    }
}

/// Steps of the set-up, each with a row of its own.
pub(crate) fn unmeasured(steps: &[Spanned<Step>]) -> Vec<Planned> {
    let alone = |step: &Spanned<Step>| Planned {
        step: step.value.clone(),
        row: 0,
    };
    steps.iter().map(alone).collect()
}
