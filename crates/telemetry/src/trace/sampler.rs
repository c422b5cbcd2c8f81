//! Which traces are recorded.

use std::str::FromStr;

use super::context::SpanContext;

/// The samplers of the standard variables `OTEL_TRACES_SAMPLER` and
/// `OTEL_TRACES_SAMPLER_ARG`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    parent_based: bool,
    ratio: f64,
}

impl Default for Sampler {
    fn default() -> Self {
        Self {
            parent_based: true,
            ratio: 1.0,
        }
    }
}

impl Sampler {
    /// Applies `OTEL_TRACES_SAMPLER_ARG`, the ratio of the `traceidratio` kinds.
    pub fn with_ratio(self, ratio: f64) -> Self {
        Self { ratio, ..self }
    }

    /// Whether a span of this trace is recorded. The lower 63 bits of the trace
    /// id decide, as in the SDKs: all services of a trace decide alike.
    pub(crate) fn samples(self, trace_id: u128, parent: Option<&SpanContext>) -> bool {
        if self.parent_based
            && let Some(parent) = parent
        {
            return parent.is_sampled();
        }
        let chosen = (self.ratio.clamp(0.0, 1.0) * (1u64 << 63) as f64) as u64;
        (trace_id as u64) >> 1 < chosen
    }
}

impl FromStr for Sampler {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let (parent_based, ratio) = match name {
            "always_on" => (false, 1.0),
            "always_off" => (false, 0.0),
            "traceidratio" => (false, 1.0),
            "parentbased_always_on" => (true, 1.0),
            "parentbased_always_off" => (true, 0.0),
            "parentbased_traceidratio" => (true, 1.0),
            other => return Err(format!("unknown sampler {other:?}")),
        };
        Ok(Self {
            parent_based,
            ratio,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Sampler, SpanContext};

    #[test]
    fn the_standard_names_are_known() {
        for name in [
            "always_on",
            "always_off",
            "traceidratio",
            "parentbased_always_on",
            "parentbased_always_off",
            "parentbased_traceidratio",
        ] {
            assert!(name.parse::<Sampler>().is_ok(), "{name}");
        }
        assert!("sometimes".parse::<Sampler>().is_err());
    }

    #[test]
    fn a_ratio_chooses_by_the_trace_id() {
        let sampler = Sampler::default().with_ratio(0.25);
        let chosen = (0..4_000u128)
            // Weyl's sequence: evenly spread, the same each time.
            .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
            .filter(|id| sampler.samples(*id, None));
        assert!((900..1_100).contains(&chosen.count()));
        assert!(sampler.samples(1 << 64, None));
        assert!(!sampler.samples(u128::MAX, None));
        assert!(sampler.with_ratio(1.0).samples(u128::MAX, None));
        assert!(!sampler.with_ratio(0.0).samples(0, None));
    }

    #[test]
    fn a_parent_decides_if_asked() {
        let parent = |flags| SpanContext {
            trace_id: 1,
            span_id: 1,
            flags,
            remote: true,
        };
        let of = |name: &str, flags| {
            let sampler: Sampler = name.parse().expect("a sampler");
            sampler.samples(1, Some(&parent(flags)))
        };
        assert!(of("parentbased_always_off", 1));
        assert!(!of("parentbased_always_on", 0));
        assert!(of("always_on", 0));
        assert!(!of("always_off", 1));
    }
}
