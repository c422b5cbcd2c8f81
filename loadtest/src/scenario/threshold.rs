//! What must hold: `p95 < 500ms`, `create p99 < 1s`, `errors < 1%`.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use hdrhistogram::Histogram;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::values::{Share, Span};
use crate::outline::Outline;
use crate::record::{Record, StepRecord, histogram};
use crate::report::Verdict;

/// A comparison of something measured with a limit.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Threshold {
    text: String,
    subject: Subject,
    metric: Metric,
    below: bool,
    or_equal: bool,
    limit: f64,
}

#[derive(Debug, Clone, PartialEq)]
enum Subject {
    Whole,
    Row(String),
    Lateness,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Metric {
    Quantile(f64),
    Mean,
    Max,
    Errors,
    Rate,
}

/// What thresholds are held against.
pub(crate) struct Measured<'a> {
    pub(crate) outline: &'a Outline,
    pub(crate) record: &'a Record,
    pub(crate) seconds: f64,
}

impl Threshold {
    /// The row it names, if it names one.
    pub(crate) fn row(&self) -> Option<&str> {
        match &self.subject {
            Subject::Row(name) => Some(name),
            Subject::Whole | Subject::Lateness => None,
        }
    }

    /// Whether it holds. What was not measured holds for nothing.
    pub(crate) fn judge(&self, measured: &Measured<'_>) -> Verdict {
        let found = self.measure(measured);
        let held = found.is_some_and(|found| self.holds(found));
        Verdict {
            threshold: self.text.clone(),
            found: found.map_or_else(|| "nothing measured".to_owned(), |found| self.show(found)),
            held,
        }
    }

    /// Whether it is true of what was measured; of nothing measured it is not.
    pub(crate) fn is_true(&self, measured: &Measured<'_>) -> bool {
        self.measure(measured)
            .is_some_and(|found| self.holds(found))
    }

    fn holds(&self, found: f64) -> bool {
        let beyond = if self.below {
            found < self.limit
        } else {
            found > self.limit
        };
        #[expect(clippy::float_cmp, reason = "as it was written")]
        let equal = self.or_equal && found == self.limit;
        beyond || equal
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are below 2^53")]
    fn measure(&self, measured: &Measured<'_>) -> Option<f64> {
        let rows: Vec<&StepRecord> = match &self.subject {
            Subject::Lateness => return self.latency(&measured.record.lateness),
            Subject::Row(name) => measured.rows(|about| about.name == *name).collect(),
            Subject::Whole => measured.rows(|about| about.kind.counts()).collect(),
        };
        let answered: u64 = rows.iter().map(|row| row.answered).sum();
        match self.metric {
            Metric::Rate => (measured.seconds > 0.0).then(|| answered as f64 / measured.seconds),
            Metric::Errors => {
                let errors: u64 = rows.iter().map(|row| row.errors()).sum();
                let all: u64 = answered + rows.iter().map(|row| row.failures()).sum::<u64>();
                (all > 0).then(|| errors as f64 / all as f64)
            }
            _ => {
                let mut all = histogram();
                for row in rows {
                    // A closed loop has no time at which anything was meant to go.
                    let open = measured.outline.schedule.is_some();
                    let of = if open { &row.corrected } else { &row.service };
                    all.add(of).expect("all histograms have the same bounds");
                }
                self.latency(&all)
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "nanoseconds below 2^53")]
    fn latency(&self, of: &Histogram<u64>) -> Option<f64> {
        (!of.is_empty()).then(|| match self.metric {
            Metric::Mean => of.mean(),
            Metric::Max => of.max() as f64,
            Metric::Quantile(quantile) => of.value_at_quantile(quantile) as f64,
            Metric::Errors | Metric::Rate => 0.0,
        })
    }

    fn show(&self, found: f64) -> String {
        match self.metric {
            Metric::Errors => format!("{:.2} %", found * 100.0),
            Metric::Rate => format!("{found:.1}/s"),
            _ => {
                let found = Duration::try_from_secs_f64(found / 1e9).unwrap_or_default();
                format!("{found:.2?}")
            }
        }
    }
}

impl Measured<'_> {
    fn rows(
        &self,
        wanted: impl Fn(&crate::outline::StepAbout) -> bool,
    ) -> impl Iterator<Item = &StepRecord> {
        let rows = self.outline.steps.iter().zip(&self.record.steps);
        rows.filter(move |(about, _)| wanted(about))
            .map(|(_, row)| row)
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!(
                "{text:?} {why}; thresholds are p95 < 500ms, mean < 1s, max < 2s, errors < 1%, \
                 rate > 50, each with a step's name before it or without one, and lateness p99 < 5ms"
            )
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let [subject @ .., compare, limit] = &words[..] else {
            return Err(wrong("is no comparison"));
        };
        let (subject, metric) = match subject {
            ["lateness"] => (Subject::Lateness, "p99"),
            ["lateness", metric] => (Subject::Lateness, *metric),
            [metric] => (Subject::Whole, *metric),
            [row, metric] => (Subject::Row((*row).to_owned()), *metric),
            _ => return Err(wrong("is no comparison")),
        };
        let metric = match metric {
            "mean" => Metric::Mean,
            "max" => Metric::Max,
            "errors" => Metric::Errors,
            "rate" => Metric::Rate,
            _ => match metric.strip_prefix('p').and_then(|n| n.parse::<f64>().ok()) {
                Some(percent) if percent > 0.0 && percent < 100.0 => {
                    Metric::Quantile(percent / 100.0)
                }
                _ => return Err(wrong("names nothing that is measured")),
            },
        };
        if subject == Subject::Lateness && matches!(metric, Metric::Errors | Metric::Rate) {
            return Err(wrong("asks of the lateness what it has not"));
        }
        let (below, or_equal) = match *compare {
            "<" => (true, false),
            "<=" => (true, true),
            ">" => (false, false),
            ">=" => (false, true),
            _ => return Err(wrong("compares with none of <, <=, > and >=")),
        };
        let limit = match metric {
            Metric::Errors => Share::try_from((*limit).to_owned())?.0,
            Metric::Rate => limit
                .parse()
                .map_err(|_| wrong("has no number for its limit"))?,
            _ => limit.parse::<Span>()?.0.as_secs_f64() * 1e9,
        };
        Ok(Self {
            text: text.to_owned(),
            subject,
            metric,
            below,
            or_equal,
            limit,
        })
    }
}

impl TryFrom<String> for Threshold {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl JsonSchema for Threshold {
    fn schema_name() -> Cow<'static, str> {
        "Threshold".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "What must hold: p95 < 500ms, create p99 < 1s, errors < 1%, rate > 50, lateness p99 < 5ms",
            "pattern": "^[^<>]+ (<|<=|>|>=) [^ ]+$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;
    use crate::outline::{Kind, Schedule, StepAbout};

    fn outline() -> Outline {
        let row = |name: &str, kind| StepAbout {
            name: name.to_owned(),
            kind,
        };
        Outline {
            scenario: None,
            target: String::new(),
            schedule: Some(Schedule {
                shape: String::new(),
                spacing: "even".to_owned(),
                seed: 1,
            }),
            planned: Duration::from_secs(10),
            workers: 1,
            connections: 1,
            lateness: Duration::from_secs(1),
            steps: vec![
                row("create", Kind::Http),
                row("list", Kind::Http),
                row("todo", Kind::Journey),
            ],
        }
    }

    #[test]
    fn thresholds_are_held_against_rows_or_all_of_them() {
        const MS: u64 = 1_000_000;
        let mut record = Record::new(3);
        for n in 1..=100 {
            record.steps[0].took(n * MS, MS);
            record.steps[0].answered(200, 0, n > 2);
            record.steps[1].took(MS, MS);
            record.steps[1].answered(200, 0, true);
            record.steps[2].took(9_000 * MS, MS);
        }
        record.steps[1].failed(Failure::Timeout);
        record.lateness.record(2 * MS).unwrap();
        let outline = outline();
        let measured = Measured {
            outline: &outline,
            record: &record,
            seconds: 10.0,
        };
        let judged = |text: &str| text.parse::<Threshold>().unwrap().judge(&measured);
        for (text, held) in [
            ("create p50 < 51ms", true),
            ("create p50 < 49ms", false),
            ("create max <= 101ms", true),
            ("p50 < 2ms", true),
            ("p95 < 80ms", false),
            ("todo p50 > 8s", true),
            ("errors < 1.6%", true),
            ("errors < 1.4%", false),
            ("create errors < 2.5%", true),
            ("list errors < 0.5%", false),
            ("rate > 19", true),
            ("rate > 21", false),
            ("lateness < 3ms", true),
            ("lateness p50 < 1ms", false),
        ] {
            assert_eq!(judged(text).held, held, "{text}: {}", judged(text).found);
        }
        let empty = Record::new(3);
        let measured = Measured {
            record: &empty,
            ..measured
        };
        let none = "p95 < 1h".parse::<Threshold>().unwrap();
        assert!(!none.judge(&measured).held && !none.is_true(&measured));
    }

    #[test]
    fn nonsense_is_named() {
        for (text, why) in [
            ("p95", "no comparison"),
            ("p95 ~ 5ms", "compares with none"),
            ("p101 < 5ms", "nothing that is measured"),
            ("fast < 5ms", "nothing that is measured"),
            ("p95 < 5", "no duration"),
            ("errors < 5", "no share"),
            ("lateness rate > 5", "has not"),
        ] {
            let error = text.parse::<Threshold>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
