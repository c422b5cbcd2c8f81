//! Which traces are recorded.

use std::str::FromStr;

use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId};
use opentelemetry::{Context as OtelContext, KeyValue};
use opentelemetry_sdk::trace::{
    Sampler as SdkSampler, SamplingDecision, SamplingResult, ShouldSample,
};

use crate::semconv;

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

    fn sdk(self) -> SdkSampler {
        let root = SdkSampler::TraceIdRatioBased(self.ratio);
        if self.parent_based {
            SdkSampler::ParentBased(Box::new(root))
        } else {
            root
        }
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

/// Samples what the configured sampler chooses, and every request that asked
/// for it with `X-Debug: true`.
#[derive(Clone, Debug)]
pub(crate) struct DebugSampler(SdkSampler);

impl DebugSampler {
    pub(crate) fn new(sampler: Sampler) -> Self {
        Self(sampler.sdk())
    }
}

impl ShouldSample for DebugSampler {
    fn should_sample(
        &self,
        parent: Option<&OtelContext>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let debug = attributes
            .iter()
            .any(|attribute| attribute.key.as_str() == semconv::DEBUG);
        if !debug {
            return self
                .0
                .should_sample(parent, trace_id, name, kind, attributes, links);
        }
        SamplingResult {
            decision: SamplingDecision::RecordAndSample,
            attributes: Vec::new(),
            trace_state: parent
                .map(|parent| parent.span().span_context().trace_state().clone())
                .unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sampler;

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
}
