//! The charts of a report.

use std::fmt::{self, Formatter};

use hdrhistogram::Histogram;

use super::chart::{Axis, Chart, Line, Scale};
use super::nanoseconds;
use crate::record::histogram;
use crate::report::{Latency, Moment, Report, Step};

/// Points of a curve of percentiles, in each halving of what is left.
const TICKS: u32 = 8;

pub(super) fn write(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    write!(f, "<div class=\"two\">")?;
    section(
        f,
        "Latency by percentile",
        "Each mark to the right leaves out a tenth of what the one before it did.",
        &percentiles(report),
    )?;
    if report.timeline.len() > 1 {
        section(
            f,
            "Latency over time",
            "Of all steps, from when they were meant to go.",
            &over_time(report),
        )?;
        section(f, "Rate", "Each second.", &rates(report))?;
        section(
            f,
            "Errors",
            "Each second: no complete answer, or not the expected one.",
            &errors(report),
        )?;
        section(
            f,
            "The generator itself",
            "Its own lateness at p99: how long after its time a request was attended to.",
            &lateness(report),
        )?;
    }
    write!(f, "</div>")
}

fn section(f: &mut Formatter<'_>, title: &str, about: &str, chart: &Chart) -> fmt::Result {
    write!(
        f,
        "<section><h2>{title}</h2><p class=\"soft\">{about}</p>{chart}</section>"
    )
}

/// The distribution over all steps that are work in themselves.
pub(super) fn all(report: &Report, of: fn(&Step) -> &Latency) -> Histogram<u64> {
    let mut all = histogram();
    for step in report.steps.iter().filter(|step| step.kind.counts()) {
        // Bounds may differ in a report of another version: what does not fit is
        // counted at the bound.
        for bucket in of(step).histogram().iter_recorded() {
            all.saturating_record_n(bucket.value_iterated_to(), bucket.count_at_value());
        }
    }
    all
}

fn percentiles(report: &Report) -> Chart {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let curve = |of: fn(&Step) -> &Latency| -> Vec<(f64, f64)> {
        all(report, of)
            .iter_quantiles(TICKS)
            .map(|at| (at.quantile_iterated_to(), at.value_iterated_to() as f64))
            .filter(|(quantile, _)| *quantile < 1.0)
            .map(|(quantile, value)| (1.0 / (1.0 - quantile), value))
            .collect()
    };
    let mut lines = Vec::new();
    if report.schedule.is_some() {
        lines.push(Line {
            name: "from when it was meant to go",
            class: "a",
            points: curve(|step| step.corrected.as_ref().unwrap_or(&step.service)),
        });
    }
    lines.push(Line {
        name: "from when it went (service time)",
        class: "b dash",
        points: curve(|step| &step.service),
    });
    Chart {
        label: "latency by percentile",
        x: Axis {
            scale: Scale::Log,
            marks: Some(vec![1.0, 2.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6]),
            write: |odds| match odds {
                ..1.5 => "0".to_owned(),
                _ => format!("{}", ((1.0 - 1.0 / odds) * 1e8).round() / 1e6) + " %",
            },
        },
        y: duration(),
        lines,
    }
}

fn over_time(report: &Report) -> Chart {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let line = |name, class, value: fn(&Moment) -> u64| Line {
        name,
        class,
        points: points(report, |moment| value(moment) as f64),
    };
    Chart {
        label: "latency over time",
        x: time(),
        y: duration(),
        lines: vec![
            line("p50", "a", |moment| moment.p50),
            line("p95", "b", |moment| moment.p95),
            line("p99", "c", |moment| moment.p99),
        ],
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn rates(report: &Report) -> Chart {
    let mut lines = vec![Line {
        name: "answered",
        class: "a",
        points: points(report, |moment| moment.answered as f64 / moment.seconds),
    }];
    // Journeys are counted where they begin, and answers where they end.
    if report.schedule.is_some() {
        let name = if report.scenario.is_some() {
            "journeys begun"
        } else {
            "asked for"
        };
        lines.push(Line {
            name,
            class: "b dash",
            points: points(report, |moment| moment.intended as f64 / moment.seconds),
        });
    }
    Chart {
        label: "rate over time",
        x: time(),
        y: count(),
        lines,
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn errors(report: &Report) -> Chart {
    let points = points(report, |moment| moment.errors as f64 / moment.seconds);
    let lines = vec![Line {
        name: "errors",
        class: "e",
        points,
    }];
    Chart {
        label: "errors over time",
        x: time(),
        y: count(),
        lines,
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn lateness(report: &Report) -> Chart {
    let points = points(report, |moment| moment.late as f64);
    let lines = vec![Line {
        name: "lateness p99",
        class: "c",
        points,
    }];
    Chart {
        label: "own lateness over time",
        x: time(),
        y: duration(),
        lines,
    }
}

fn points(report: &Report, value: impl Fn(&Moment) -> f64) -> Vec<(f64, f64)> {
    report
        .timeline
        .iter()
        .map(|moment| (moment.at, value(moment)))
        .collect()
}

fn time() -> Axis {
    Axis {
        scale: Scale::Linear,
        marks: None,
        write: |seconds| match seconds {
            ..120.0 => format!("{} s", (seconds * 10.0).round() / 10.0),
            _ => format!("{} min", (seconds / 6.0).round() / 10.0),
        },
    }
}

fn duration() -> Axis {
    Axis {
        scale: Scale::Log,
        marks: None,
        write: nanoseconds,
    }
}

fn count() -> Axis {
    Axis {
        scale: Scale::Linear,
        marks: None,
        write: |count| ((count * 100.0).round() / 100.0).to_string(),
    }
}
