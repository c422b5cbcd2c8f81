//! Series that an objective counts, and some that it does not, with what they come to.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow, bail};
use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{Expr, VectorSelector};

use super::Sli;

/// A counter whose events come evenly, or more of them in the last step.
pub(super) struct Series {
    name: String,
    labels: BTreeMap<String, String>,
    /// In each step.
    steady: u64,
    /// In the last one besides: so every window has a rate of its own.
    late: u64,
}

/// Counters far from 0: `rate` would take one that begins there for one that has just been made.
const BEFORE: u64 = 1_000_000;

impl Series {
    /// As promtool reads it: this many samples, a step apart.
    pub(super) fn written(&self, samples: u64) -> String {
        let labels: Vec<_> = self
            .labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{value}\""))
            .collect();
        // `a+bxn` is n + 1 samples.
        let until = samples - 2;
        let last = BEFORE + self.steady * (until + 1) + self.late;
        let values = format!("{BEFORE}+{}x{until} {last}", self.steady);
        format!(
            "{{series: '{}{{{}}}', values: '{values}'}}",
            self.name,
            labels.join(",")
        )
    }

    /// Its events in this many of the last steps.
    fn events(&self, steps: u64) -> u64 {
        self.steady * steps + self.late
    }
}

/// What the SLI is counted of, in series.
pub(super) struct Events {
    pub(super) series: Vec<Series>,
    total: VectorSelector,
    part: VectorSelector,
    good: bool,
}

impl Events {
    /// Good events and, in the last step, bad ones; by two instances each, among series that are none of the
    /// objective's.
    pub(super) fn troubled(sli: &Sli, late: u64) -> Result<Self> {
        let mut events = Self::none(sli)?;
        events.add(false, [60, 40], [late / 5, late / 10]);
        events.add(true, [0, 0], [late * 3 / 5, late * 2 / 5]);
        events.decoys();
        Ok(events)
    }

    /// Good events alone.
    pub(super) fn untroubled(sli: &Sli, steady: u64) -> Result<Self> {
        let mut events = Self::none(sli)?;
        events.add(false, [steady, 0], [0, 0]);
        Ok(events)
    }

    /// Nothing happens any more.
    pub(super) fn over(sli: &Sli) -> Result<Self> {
        let mut events = Self::troubled(sli, 5)?;
        for series in &mut events.series {
            (series.steady, series.late) = (0, 0);
        }
        Ok(events)
    }

    fn none(sli: &Sli) -> Result<Self> {
        let (part, good) = match (&sli.bad, &sli.good) {
            (Some(bad), _) => (bad, false),
            (None, Some(good)) => (good, true),
            (None, None) => bail!("neither bad nor good"),
        };
        Ok(Self {
            series: Vec::new(),
            total: selector(&sli.total)?,
            part: selector(part)?,
            good,
        })
    }

    /// The share of bad events in this many steps; `None` without events.
    #[allow(clippy::cast_precision_loss, reason = "thousands of events")]
    pub(super) fn error_ratio(&self, steps: u64) -> Option<f64> {
        let count = |of: &VectorSelector| -> u64 {
            let counted = self.series.iter().filter(|series| selects(of, series));
            counted.map(|series| series.events(steps)).sum()
        };
        let total = count(&self.total);
        let share = count(&self.part) as f64 / total as f64;
        (total > 0).then_some(if self.good { 1.0 - share } else { share })
    }

    /// Two instances' events.
    fn add(&mut self, bad: bool, steady: [u64; 2], late: [u64; 2]) {
        let apart = self.total.name != self.part.name;
        let names = if bad { ["c", "d"] } else { ["a", "b"] };
        for ((instance, steady), late) in names.into_iter().zip(steady).zip(late) {
            let mut add = |of: &VectorSelector, mut labels: BTreeMap<String, String>| {
                labels.insert("instance".to_owned(), instance.to_owned());
                self.series.push(Series {
                    name: of.name.clone().unwrap_or_default(),
                    labels,
                    steady,
                    late,
                });
            };
            let is_part = bad != self.good;
            if apart {
                add(&self.total, examples(&self.total));
                if is_part {
                    add(&self.part, examples(&self.part));
                }
            } else {
                let mut labels = examples(&self.total);
                for matcher in &self.part.matchers.matchers {
                    let known = labels.contains_key(&matcher.name);
                    if is_part {
                        labels.insert(matcher.name.clone(), example(matcher));
                    } else if !known {
                        labels.insert(matcher.name.clone(), counterexample(matcher));
                    }
                }
                add(&self.total, labels);
            }
        }
    }

    /// For each matcher a series that only it keeps out.
    fn decoys(&mut self) {
        for of in [&self.total, &self.part] {
            for matcher in &of.matchers.matchers {
                let mut labels = examples(of);
                labels.insert(matcher.name.clone(), counterexample(matcher));
                labels.insert("instance".to_owned(), "x".to_owned());
                let name = of.name.clone().unwrap_or_default();
                let (steady, late) = (37, 0);
                if !self
                    .series
                    .iter()
                    .any(|it| it.labels == labels && it.name == name)
                {
                    self.series.push(Series {
                        name,
                        labels,
                        steady,
                        late,
                    });
                }
            }
        }
    }
}

fn selector(text: &str) -> Result<VectorSelector> {
    match promql_parser::parser::parse(text).map_err(|error| anyhow!("{text}: {error}"))? {
        Expr::VectorSelector(selector) if selector.name.is_some() => Ok(selector),
        _ => bail!("{text}: not the selector of a counter"),
    }
}

fn selects(of: &VectorSelector, series: &Series) -> bool {
    let empty = String::new();
    let matches =
        |matcher: &Matcher| matcher.is_match(series.labels.get(&matcher.name).unwrap_or(&empty));
    of.name.as_ref() == Some(&series.name) && of.matchers.matchers.iter().all(matches)
}

fn examples(of: &VectorSelector) -> BTreeMap<String, String> {
    let matchers = of.matchers.matchers.iter();
    matchers
        .map(|matcher| (matcher.name.clone(), example(matcher)))
        .collect()
}

/// A value that it lets through.
fn example(matcher: &Matcher) -> String {
    match matcher.op {
        MatchOp::Equal | MatchOp::Re(_) => value(matcher),
        MatchOp::NotEqual | MatchOp::NotRe(_) => "other".to_owned(),
    }
}

/// A value that it keeps out.
fn counterexample(matcher: &Matcher) -> String {
    match matcher.op {
        MatchOp::Equal | MatchOp::Re(_) => "other".to_owned(),
        MatchOp::NotEqual | MatchOp::NotRe(_) => value(matcher),
    }
}

/// What it names: of a pattern the first alternative, a figure for each dot.
fn value(matcher: &Matcher) -> String {
    let first = matcher.value.split('|').next().unwrap_or_default();
    match matcher.op {
        MatchOp::Re(_) | MatchOp::NotRe(_) => first.replace('.', "0"),
        MatchOp::Equal | MatchOp::NotEqual => matcher.value.clone(),
    }
}
