//! When requests are meant to go: a rate over time, and how arrivals are spaced
//! within it. Pure and seeded: the same arrivals, the same times.

mod parse;
mod shape;

use std::time::Duration;

use rand::SeedableRng;
use rand::distr::Distribution;
use rand::rngs::StdRng;
use rand_distr::Exp1;

pub use parse::ParseError;
pub use shape::Shape;

/// How arrivals are spaced within the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// At equal parts of the rate: one every `1 / rate`.
    Even,
    /// As independent people come: exponential gaps, a Poisson process.
    Poisson,
}

/// Arrivals over a bounded time.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrivals {
    /// The rate over time.
    pub shape: Shape,
    /// The spacing within it.
    pub spacing: Spacing,
    /// Nothing arrives at or after this.
    pub duration: Duration,
    /// What the random spacing starts from.
    pub seed: u64,
}

impl Arrivals {
    /// Evenly spaced arrivals.
    pub fn even(shape: Shape, duration: Duration) -> Self {
        Self {
            shape,
            spacing: Spacing::Even,
            duration,
            seed: 0,
        }
    }

    /// A Poisson process with the shape's rate.
    pub fn poisson(shape: Shape, duration: Duration, seed: u64) -> Self {
        Self {
            shape,
            spacing: Spacing::Poisson,
            duration,
            seed,
        }
    }

    /// How many arrivals are to be expected.
    pub fn expected(&self) -> f64 {
        let seconds = self.duration.as_secs_f64();
        self.shape.arrived_by(seconds, seconds)
    }

    /// The times, ascending, counted from the start of the run.
    pub fn times(&self) -> Times {
        Times {
            shape: self.shape.clone(),
            duration: self.duration.as_secs_f64(),
            random: match self.spacing {
                Spacing::Even => None,
                Spacing::Poisson => Some(StdRng::seed_from_u64(self.seed)),
            },
            arrived: 0.0,
            at: 0.0,
            first: true,
        }
    }
}

/// The times of [`Arrivals`], made one by one: a day's worth costs no memory.
///
/// An arrival is where the rate's integral reaches the next whole number, or,
/// for a Poisson process, the next sum of exponential gaps of mean one.
#[derive(Debug)]
pub struct Times {
    shape: Shape,
    duration: f64,
    random: Option<StdRng>,
    arrived: f64,
    at: f64,
    first: bool,
}

impl Iterator for Times {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.arrived += match &mut self.random {
            Some(random) => Exp1.sample(random),
            // Half a gap in: the count is then the integral, rounded.
            None if self.first => 0.5,
            None => 1.0,
        };
        self.first = false;
        self.at = self
            .shape
            .when_arrived(self.arrived, self.duration, self.at)?;
        (self.at < self.duration).then(|| Duration::from_secs_f64(self.at))
    }
}

#[cfg(test)]
mod tests;
