//! The limits that are kept as data.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Deserialize;

use super::{Finding, Findings, Outcome};
use crate::record::histogram;
use crate::report::{Moment, Report, Step};

/// The limits of `baselines.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baselines {
    rows: Vec<Row>,
    overall: Overall,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    #[serde(default)]
    steps: Vec<String>,
    #[serde(default)]
    to_come: Option<String>,
    p50: f64,
    p95: f64,
    p99: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Overall {
    p95: f64,
    errors_percent: f64,
    cpu_percent: f64,
    memory_percent: f64,
}

impl Baselines {
    /// Those of the program.
    ///
    /// # Panics
    /// Never: a test reads them.
    #[must_use]
    pub fn shipped() -> Self {
        Self::parse(include_str!("../../baselines.yaml")).expect("a test reads it")
    }

    /// Reads them.
    ///
    /// # Errors
    /// If they are none, with line and column.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        Ok(serde_saphyr::from_str(text)?)
    }

    /// Holds a run against them.
    #[must_use]
    pub fn against(&self, run: &Report) -> Findings {
        let mut findings: Vec<Finding> =
            self.rows.iter().flat_map(|row| row.against(run)).collect();
        findings.extend(self.overall.against(run, &self.rows));
        Findings(findings)
    }
}

impl Row {
    fn measures(&self, step: &Step) -> bool {
        self.steps.contains(&step.name)
    }

    fn against(&self, run: &Report) -> Vec<Finding> {
        let unknown = |detail: String| {
            let what = self.name.clone();
            vec![Finding {
                what,
                outcome: Outcome::Unknown,
                detail,
            }]
        };
        if let Some(feature) = &self.to_come {
            return unknown(format!("to come: {feature}"));
        }
        let found = together(run.steps.iter().filter(|step| self.measures(step)));
        if found.is_empty() {
            return unknown("not in this run".to_owned());
        }
        let limits = [
            (0.5, "p50", self.p50),
            (0.95, "p95", self.p95),
            (0.99, "p99", self.p99),
        ];
        let limits = limits.map(|(quantile, name, limit)| {
            let found = milliseconds(found.value_at_quantile(quantile));
            limited(format!("{} {name}", self.name), found, limit, "ms")
        });
        limits.to_vec()
    }
}

impl Overall {
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    fn against(&self, run: &Report, rows: &[Row]) -> Vec<Finding> {
        let models = |step: &&Step| {
            rows.iter()
                .any(|row| row.to_come.is_some() && row.measures(step))
        };
        let counted = run
            .steps
            .iter()
            .filter(|step| step.kind.counts() && !models(step));
        let p95 = milliseconds(together(counted).value_at_quantile(0.95));
        let asked = run.answered
            + run
                .steps
                .iter()
                .flat_map(|s| s.failures.values())
                .sum::<u64>();
        let errors = run.errors as f64 * 100.0 / asked.max(1) as f64;
        let mean = |of: fn(&Moment) -> f64| {
            run.timeline.iter().map(of).sum::<f64>() * 100.0 / run.timeline.len().max(1) as f64
        };
        vec![
            limited("overall p95".to_owned(), p95, self.p95, "ms"),
            limited(
                "overall errors".to_owned(),
                errors,
                self.errors_percent,
                "%",
            ),
            limited(
                "overall CPU".to_owned(),
                mean(|m| m.host_cpu),
                self.cpu_percent,
                "%",
            ),
            limited(
                "overall memory".to_owned(),
                mean(|m| m.host_memory),
                self.memory_percent,
                "%",
            ),
        ]
    }
}

fn limited(what: String, found: f64, limit: f64, unit: &str) -> Finding {
    Finding {
        what,
        outcome: if found < limit {
            Outcome::Holds
        } else {
            Outcome::Regressed
        },
        detail: format!("{found:.1} {unit}, limit {limit} {unit}"),
    }
}

/// The distribution of some steps, from when they were meant to go.
fn together<'a>(steps: impl Iterator<Item = &'a Step>) -> Histogram<u64> {
    let mut all = histogram();
    for step in steps {
        let latency = step.corrected.as_ref().unwrap_or(&step.service);
        for bucket in latency.histogram().iter_recorded() {
            all.saturating_record_n(bucket.value_iterated_to(), bucket.count_at_value());
        }
    }
    all
}

fn milliseconds(nanoseconds: u64) -> f64 {
    Duration::from_nanos(nanoseconds).as_secs_f64() * 1e3
}
