//! Trace headers: each request begins a trace of its own, and some of them are
//! sampled, so that the services keep theirs.

use std::fmt::{self, Display, Formatter};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The header of W3C Trace Context.
pub(crate) const TRACEPARENT: &str = "traceparent";
/// The length of its value in version 00.
pub(crate) const LENGTH: usize = 55;

/// The context of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) id: u128,
    span: u64,
    /// Whoever continues it is to keep it.
    pub(crate) sampled: bool,
}

impl Trace {
    /// The header's value, without an allocation.
    pub(crate) fn write(self, value: &mut [u8; LENGTH]) {
        value.copy_from_slice(b"00-00000000000000000000000000000000-0000000000000000-00");
        hexadecimal(self.id, &mut value[3..35]);
        hexadecimal(self.span.into(), &mut value[36..52]);
        value[54] = if self.sampled { b'1' } else { b'0' };
    }
}

impl Display for Trace {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled);
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.id, self.span)
    }
}

fn hexadecimal(mut number: u128, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 0xf) as usize];
        number >>= 4;
    }
}

/// Makes contexts. Its numbers are the system's: two runs with the same seed must
/// not write into the same traces.
#[derive(Debug)]
pub(crate) struct Tracer {
    random: StdRng,
    share: f64,
}

impl Tracer {
    /// Of so many, from 0 to 1, one is sampled.
    pub(crate) fn new(share: f64) -> Self {
        Self {
            random: StdRng::from_seed(rand::random()),
            share,
        }
    }

    pub(crate) fn next(&mut self) -> Trace {
        Trace {
            // Zero would be no context, and does not come.
            id: self.random.random::<u128>() | 1,
            span: self.random.random::<u64>() | 1,
            sampled: self.share > 0.0 && self.random.random_bool(self.share),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_the_standard_says() {
        let trace = Trace {
            id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
            span: 0x00f0_67aa_0ba9_02b7,
            sampled: true,
        };
        let mut value = [0; LENGTH];
        trace.write(&mut value);
        let text = std::str::from_utf8(&value).unwrap();
        assert_eq!(
            text,
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        );
        assert_eq!(trace.to_string(), text);
    }

    #[test]
    fn so_many_are_sampled() {
        let mut tracer = Tracer::new(0.1);
        let sampled = (0..10_000).filter(|_| tracer.next().sampled).count();
        // Five standard deviations.
        assert!((850..1150).contains(&sampled), "{sampled}");
        assert!(!Tracer::new(0.0).next().sampled);
        assert!(Tracer::new(1.0).next().sampled);
    }
}
