//! A shape as people write it: `constant:500`, `ramp:100-2000`,
//! `step:100,200,400`, `spike:100-2000`, `sine:50-500` or `sine:50-500x3`.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use super::Shape;

/// The highest rate that is believed; more is a slip of the keyboard.
const HIGHEST: f64 = 10_000_000.0;

/// Why a shape could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0}; shapes are constant:500, ramp:100-2000, step:100,200,400, spike:100-2000, sine:50-500 \
     and sine:50-500x3 (three days), in requests a second"
)]
pub struct ParseError(String);

impl FromStr for Shape {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (kind, numbers) = text.split_once(':').unwrap_or(("constant", text));
        let shape = match kind {
            "constant" => Self::Constant {
                rate: rate(numbers)?,
            },
            "ramp" => {
                let (from, to) = two(numbers)?;
                Self::Ramp { from, to }
            }
            "step" => Self::Step {
                rates: numbers.split(',').map(rate).collect::<Result<_, _>>()?,
            },
            "spike" => {
                let (base, peak) = two(numbers)?;
                Self::Spike { base, peak }
            }
            "sine" => {
                let (rates, days) = numbers.split_once('x').unwrap_or((numbers, "1"));
                let (low, high) = two(rates)?;
                if low > high {
                    return Err(ParseError(format!("{text:?} has its night above its day")));
                }
                let days = rate(days)?;
                if days <= 0.0 {
                    return Err(ParseError(format!("{text:?} has no days")));
                }
                Self::Sine { low, high, days }
            }
            _ => return Err(ParseError(format!("no shape is called {kind:?}"))),
        };
        if shape.peak() > 0.0 {
            Ok(shape)
        } else {
            Err(ParseError(format!("nothing ever arrives in {text:?}")))
        }
    }
}

fn two(numbers: &str) -> Result<(f64, f64), ParseError> {
    let (one, other) = numbers
        .split_once('-')
        .ok_or_else(|| ParseError(format!("{numbers:?} is not two rates")))?;
    Ok((rate(one)?, rate(other)?))
}

fn rate(number: &str) -> Result<f64, ParseError> {
    match number.trim().parse::<f64>() {
        Ok(rate) if (0.0..=HIGHEST).contains(&rate) => Ok(rate),
        _ => Err(ParseError(format!(
            "{number:?} is not a number from 0 to {HIGHEST}"
        ))),
    }
}

impl Display for Shape {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant { rate } => write!(f, "constant:{rate}"),
            Self::Ramp { from, to } => write!(f, "ramp:{from}-{to}"),
            Self::Step { rates } => {
                let rates: Vec<String> = rates.iter().map(f64::to_string).collect();
                write!(f, "step:{}", rates.join(","))
            }
            Self::Spike { base, peak } => write!(f, "spike:{base}-{peak}"),
            Self::Sine { low, high, days } => write!(f, "sine:{low}-{high}x{days}"),
        }
    }
}
