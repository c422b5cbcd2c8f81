//! The load generator: requests at the times they were meant to go, whatever the
//! server does.

mod arrivals;

pub use arrivals::{Arrivals, ParseError, Shape, Spacing, Times};
