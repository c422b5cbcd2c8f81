//! Rates over time, their integrals, and where an integral reaches a value.

use std::f64::consts::TAU;

/// A rate over time, in arrivals a second.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// The same rate throughout.
    Constant {
        /// Arrivals a second.
        rate: f64,
    },
    /// From one rate to another, linearly over the whole run.
    Ramp {
        /// At the start.
        from: f64,
        /// At the end.
        to: f64,
    },
    /// Equal shares of the run at each of these rates.
    Step {
        /// The rates, in order.
        rates: Vec<f64>,
    },
    /// One rate, another in the middle fifth of the run.
    Spike {
        /// Outside the spike.
        base: f64,
        /// Within it.
        peak: f64,
    },
    /// A "day": from low to high and back, as a sine that begins at its lowest.
    Sine {
        /// At midnight.
        low: f64,
        /// At noon.
        high: f64,
        /// Days in the run.
        days: f64,
    },
}

/// A stretch of the run whose rate changes linearly.
struct Stretch {
    seconds: f64,
    from: f64,
    to: f64,
}

impl Stretch {
    fn arrived_by(&self, t: f64) -> f64 {
        let t = t.min(self.seconds);
        self.from * t + (self.to - self.from) * t * t / (2.0 * self.seconds)
    }

    /// The smallest `t` with `arrived_by(t) == count`; `count` is within reach.
    fn when_arrived(&self, count: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        // The root in the form that loses nothing when the slope is small.
        let root = (self.from * self.from + 2.0 * slope * count)
            .max(0.0)
            .sqrt();
        let divisor = self.from + root;
        if divisor > 0.0 {
            2.0 * count / divisor
        } else {
            0.0
        }
    }
}

impl Shape {
    /// The highest rate of the run.
    pub fn peak(&self) -> f64 {
        match self {
            Self::Constant { rate } => *rate,
            Self::Ramp { from, to } => from.max(*to),
            Self::Step { rates } => rates.iter().copied().fold(0.0, f64::max),
            Self::Spike { base, peak } => base.max(*peak),
            Self::Sine { high, .. } => *high,
        }
    }

    /// The same over time, so many times as much.
    #[must_use]
    pub fn times(&self, factor: f64) -> Self {
        match self {
            Self::Constant { rate } => Self::Constant {
                rate: rate * factor,
            },
            Self::Ramp { from, to } => Self::Ramp {
                from: from * factor,
                to: to * factor,
            },
            Self::Step { rates } => Self::Step {
                rates: rates.iter().map(|rate| rate * factor).collect(),
            },
            Self::Spike { base, peak } => Self::Spike {
                base: base * factor,
                peak: peak * factor,
            },
            Self::Sine { low, high, days } => Self::Sine {
                low: low * factor,
                high: high * factor,
                days: *days,
            },
        }
    }

    /// The part `i` of a run of `duration` seconds, if the shape is made of parts.
    fn stretch(&self, i: usize, duration: f64) -> Option<Stretch> {
        let flat = |share: f64, rate: f64| Stretch {
            seconds: duration * share,
            from: rate,
            to: rate,
        };
        match (self, i) {
            (Self::Constant { rate }, 0) => Some(flat(1.0, *rate)),
            (Self::Ramp { from, to }, 0) => Some(Stretch {
                seconds: duration,
                from: *from,
                to: *to,
            }),
            // As few steps as a person writes: exact in an f64.
            #[expect(clippy::cast_precision_loss)]
            (Self::Step { rates }, _) => Some(flat(1.0 / rates.len() as f64, *rates.get(i)?)),
            (Self::Spike { base, .. }, 0 | 2) => Some(flat(0.4, *base)),
            (Self::Spike { peak, .. }, 1) => Some(flat(0.2, *peak)),
            _ => None,
        }
    }

    /// Arrivals expected in the first `t` seconds of a run of `duration`.
    pub(super) fn arrived_by(&self, t: f64, duration: f64) -> f64 {
        if let Self::Sine { low, high, days } = self {
            let turn = TAU * days / duration;
            return f64::midpoint(*low, *high) * t - (high - low) / 2.0 * (turn * t).sin() / turn;
        }
        let (mut arrived, mut left) = (0.0, t);
        for stretch in (0..).map_while(|i| self.stretch(i, duration)) {
            arrived += stretch.arrived_by(left);
            left = (left - stretch.seconds).max(0.0);
        }
        arrived
    }

    /// When `count` have arrived, not before `after`; `None` if never.
    pub(super) fn when_arrived(&self, count: f64, duration: f64, after: f64) -> Option<f64> {
        if count > self.arrived_by(duration, duration) {
            return None;
        }
        if matches!(self, Self::Sine { .. }) {
            return Some(self.bisect(count, duration, after));
        }
        let (mut left, mut begun) = (count, 0.0);
        for stretch in (0..).map_while(|i| self.stretch(i, duration)) {
            let within = stretch.arrived_by(stretch.seconds);
            if left <= within {
                return Some(begun + stretch.when_arrived(left));
            }
            left -= within;
            begun += stretch.seconds;
        }
        None
    }

    /// The integral never falls, so halving finds it, to a nanosecond or better.
    fn bisect(&self, count: f64, duration: f64, after: f64) -> f64 {
        let (mut low, mut reach) = (after, 1.0 / self.peak());
        // The next arrival is near the last one: look there before everywhere.
        while after + reach < duration && self.arrived_by(after + reach, duration) < count {
            low = after + reach;
            reach *= 2.0;
        }
        let mut high = (after + reach).min(duration);
        while high - low > 5e-10 {
            let middle = f64::midpoint(low, high);
            if self.arrived_by(middle, duration) < count {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }
}
