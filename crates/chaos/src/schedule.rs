//! The plan of faults, from a seed: the same seed makes the same plan.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use crate::fault::{Fault, Link, Service, Store, Target, Topic};
use crate::workload::ROUND;

/// Faults that go on at the same time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Each with how long it waits from the beginning of the step.
    pub faults: Vec<(Duration, Fault)>,
    /// It begins so long before many reminders come due together.
    pub before_reminders: Option<Duration>,
}

impl Step {
    /// A fault alone.
    pub fn one(fault: Fault) -> Self {
        Self {
            faults: vec![(Duration::ZERO, fault)],
            ..Self::default()
        }
    }

    /// A fault, and another that comes in the middle of it.
    pub fn two(first: Fault, after: Duration, second: Fault) -> Self {
        Self {
            faults: vec![(Duration::ZERO, first), (after, second)],
            ..Self::default()
        }
    }

    /// The same, beginning so long before many reminders come due together.
    pub fn before_reminders(self, lead: Duration) -> Self {
        Self {
            before_reminders: Some(lead),
            ..self
        }
    }

    /// About how long it takes.
    pub fn estimate(&self) -> Duration {
        let ends = self
            .faults
            .iter()
            .map(|(after, fault)| *after + fault.estimate());
        let waits = self.before_reminders.map_or(Duration::ZERO, |_| ROUND / 2);
        waits + ends.max().unwrap_or_default()
    }
}

/// A plan of `count` faults: each kind once, as far as `count` goes, the rest by
/// chance, in an order by chance.
pub fn schedule(seed: u64, count: usize) -> Vec<Step> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut kinds: Vec<&str> = Fault::KINDS.to_vec();
    kinds.shuffle(&mut random);
    let mut faults: Vec<Fault> = kinds
        .iter()
        .take(count)
        .map(|kind| draw(kind, &mut random))
        .collect();
    while faults.len() < count {
        let kind = WEIGHTS
            .choose_weighted(&mut random, |(_, weight)| *weight)
            .map_or("kill", |(kind, _)| kind);
        faults.push(draw(kind, &mut random));
    }
    faults.shuffle(&mut random);
    join(faults, &mut random)
}

const WEIGHTS: [(&str, u32); 12] = [
    ("kill", 26),
    ("terminate", 14),
    ("pause", 9),
    ("cut", 10),
    ("slow", 8),
    ("half-open", 8),
    ("disk-full", 3),
    ("duplicates", 7),
    ("poison", 7),
    ("storm", 5),
    ("redrive", 4),
    ("clock-jump", 3),
];

fn draw(kind: &str, random: &mut SmallRng) -> Fault {
    let seconds = |random: &mut SmallRng, from: f64, to: f64| {
        Duration::from_millis((random.random_range(from..to) * 1e3) as u64)
    };
    match kind {
        "kill" => Fault::Kill(target(random)),
        "terminate" => Fault::Terminate(target(random)),
        "pause" => {
            // From 5 s to 30 s, long ones being rare.
            let long = random.random_range(0.0_f64..1.0).powi(6) * 25.0;
            Fault::Pause(
                target(random),
                Duration::from_millis(5000 + (long * 1e3) as u64),
            )
        }
        "cut" => Fault::Cut(link(random), seconds(random, 1.0, 5.0)),
        "slow" => {
            let by = Duration::from_millis(random.random_range(30..400));
            Fault::Slow(link(random), by, seconds(random, 2.0, 5.0))
        }
        "half-open" => Fault::HalfOpen(link(random), seconds(random, 2.0, 6.0)),
        "disk-full" => {
            let store = [Store::Postgres, Store::Kafka][random.random_range(0..2)];
            Fault::DiskFull(store, seconds(random, 1.0, 3.0))
        }
        "duplicates" => Fault::Duplicates(topic(random), random.random_range(20..80)),
        "poison" => Fault::Poison(topic(random), random.random_range(8..24)),
        "redrive" => Fault::Redrive(topic(random)),
        "storm" => Fault::Storm(random.random_range(2..4), seconds(random, 3.0, 6.0)),
        _ => {
            let size = random.random_range(60..7200);
            let sign = if random.random_range(0..2) == 0 {
                1
            } else {
                -1
            };
            Fault::ClockJump(sign * size, seconds(random, 2.0, 5.0))
        }
    }
}

fn target(random: &mut SmallRng) -> Target {
    // Our own services are what is being tested: twice as often.
    match random.random_range(0..9) {
        n @ 0..6 => Target::Service(Service::ALL[n % 3]),
        n => Target::Store(Store::ALL[n % 3]),
    }
}

fn link(random: &mut SmallRng) -> Link {
    Link::ALL[random.random_range(0..Link::ALL.len())]
}

fn topic(random: &mut SmallRng) -> Topic {
    Topic::ALL[random.random_range(0..Topic::ALL.len())]
}

/// Lets some services end in the middle of another trouble: what waits for a
/// slow or absent neighbour is where work gets lost.
fn join(faults: Vec<Fault>, random: &mut SmallRng) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = faults.into_iter().peekable();
    while let Some(first) = rest.next() {
        let joins = rest.peek().is_some_and(|next| fit(&first, next)) && random.random_bool(0.6);
        let second = if joins { rest.next() } else { None };
        steps.push(match second {
            Some(second) => {
                let after = first.lasts().mul_f64(random.random_range(0.3..0.8));
                Step::two(first, after, second)
            }
            None => Step::one(first),
        });
    }
    steps
}

/// Whether the end of a service can come in the middle of the other fault.
fn fit(first: &Fault, next: &Fault) -> bool {
    let (Fault::Kill(Target::Service(_)) | Fault::Terminate(Target::Service(_))) = next else {
        return false;
    };
    matches!(
        first,
        Fault::Cut(..) | Fault::Slow(..) | Fault::HalfOpen(..) | Fault::Pause(Target::Store(_), _)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_plan() {
        assert_eq!(schedule(7, 40), schedule(7, 40));
        assert_ne!(schedule(7, 40), schedule(8, 40));
    }

    #[test]
    fn forty_faults_are_of_every_kind() {
        for seed in 0..50 {
            let steps = schedule(seed, 40);
            let faults: Vec<_> = steps.iter().flat_map(|step| &step.faults).collect();
            assert_eq!(faults.len(), 40);
            let kinds: BTreeSet<_> = faults.iter().map(|(_, fault)| fault.kind()).collect();
            assert_eq!(kinds.len(), Fault::KINDS.len(), "seed {seed}");
        }
    }

    #[test]
    fn forty_faults_take_minutes_and_pauses_are_as_long_as_they_say() {
        for seed in 0..50 {
            let steps = schedule(seed, 40);
            let total: Duration = steps.iter().map(Step::estimate).sum();
            assert!(total < Duration::from_secs(330), "seed {seed}: {total:?}");
            for (_, fault) in steps.iter().flat_map(|step| &step.faults) {
                if let Fault::Pause(_, lasts) = fault {
                    assert!((5..=30).contains(&lasts.as_secs()), "seed {seed}");
                }
            }
        }
    }
}
