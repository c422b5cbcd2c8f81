//! The tables of a report.

use std::fmt::{self, Formatter};

use super::{Escaped, nanoseconds, number};
use crate::report::{Breakpoint, Latency, Moment, Report, Step, Verdict};

pub(super) fn write(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    if !report.thresholds.is_empty() {
        thresholds(f, &report.thresholds)?;
    }
    if let Some(search) = &report.breakpoint {
        breakpoint(f, search)?;
    }
    steps(f, report)?;
    outcomes(f, report)?;
    if !report.slowest.is_empty() {
        slowest(f, report)?;
    }
    circumstances(f, report)
}

fn thresholds(f: &mut Formatter<'_>, verdicts: &[Verdict]) -> fmt::Result {
    write!(
        f,
        "<section><h2>Thresholds</h2><table><tr><th>asked<th class=\"left\">found<th></tr>"
    )?;
    for verdict in verdicts {
        write!(
            f,
            "<tr><td><code>{}</code><td class=\"left\">{}<td>{}</tr>",
            Escaped(&verdict.threshold),
            Escaped(&verdict.found),
            held(verdict.held)
        )?;
    }
    write!(f, "</table></section>")
}

fn held(held: bool) -> &'static str {
    if held {
        "<span class=\"good-text\">✓ held</span>"
    } else {
        "<span class=\"bad-text\">✗ broke</span>"
    }
}

fn breakpoint(f: &mut Formatter<'_>, search: &Breakpoint) -> fmt::Result {
    let knee = match search.knee {
        Some(knee) => format!("The knee is at {} journeys a second.", number(knee)),
        None => "Not even the first rate was borne.".to_owned(),
    };
    write!(
        f,
        "<section><h2>Breakpoint</h2><p>{knee}</p><table><tr><th>journeys a second<th class=\"left\">found<th></tr>"
    )?;
    for trial in &search.tried {
        let found = trial
            .thresholds
            .iter()
            .map(|v| format!("{}: {}", v.threshold, v.found));
        let found: Vec<_> = found.chain(trial.invalid_because.iter().cloned()).collect();
        write!(
            f,
            "<tr><td>{}<td class=\"left\">{}<td>{}</tr>",
            number(trial.rate),
            Escaped(&found.join("; ")),
            held(trial.held)
        )?;
    }
    write!(f, "</table></section>")
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn steps(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    write!(
        f,
        "<section><h2>By step</h2><p class=\"soft\">Times are from when a step was meant to go; <i>service</i> from when it went.</p>\
         <table><tr><th>step<th>answers<th>a second<th>errors<th>p50<th>p90<th>p95<th>p99<th>p99.9<th>slowest<th>service p50<th>service p99</tr>"
    )?;
    let seconds = report.answered as f64 / report.rate.max(f64::MIN_POSITIVE);
    for step in &report.steps {
        let rate = if seconds > 0.0 {
            step.answered as f64 / seconds
        } else {
            0.0
        };
        let errors = errors(step);
        let class = if errors > 0 {
            " class=\"bad-text\""
        } else {
            ""
        };
        write!(
            f,
            "<tr><td>{}<td>{}<td>{}<td{class}>{errors}",
            Escaped(&step.name),
            step.answered,
            number(rate)
        )?;
        let latency = step.corrected.as_ref().unwrap_or(&step.service);
        let Latency {
            p50,
            p90,
            p95,
            p99,
            p999,
            max,
            ..
        } = latency;
        for value in [
            p50,
            p90,
            p95,
            p99,
            p999,
            max,
            &step.service.p50,
            &step.service.p99,
        ] {
            write!(f, "<td>{}", nanoseconds(*value as f64))?;
        }
        write!(f, "</tr>")?;
    }
    write!(f, "</table></section>")
}

fn errors(step: &Step) -> u64 {
    step.unexpected + step.failures.values().sum::<u64>()
}

fn outcomes(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    write!(
        f,
        "<section><h2>What came of the requests</h2><table><tr><th>step<th class=\"left\">answers by status<th class=\"left\">without a complete answer</tr>"
    )?;
    for step in &report.steps {
        let statuses = step
            .statuses
            .iter()
            .map(|(status, count)| format!("{status}: {count}"));
        let failures = step
            .failures
            .iter()
            .map(|(failure, count)| format!("{failure}: {count}"));
        write!(
            f,
            "<tr><td>{}<td class=\"left\">{}<td class=\"left\">{}</tr>",
            Escaped(&step.name),
            statuses.collect::<Vec<_>>().join(", "),
            failures.collect::<Vec<_>>().join(", ")
        )?;
    }
    write!(
        f,
        "</table><p class=\"soft\">{} were to go; {} waited for a connection, {} never went, {} were cut off by the end.</p></section>",
        report.intended, report.held, report.unsent, report.cut_off
    )
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn slowest(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    write!(
        f,
        "<section><h2>The slowest traces</h2><p class=\"soft\">Of those requests whose trace the services were asked to keep.</p>\
         <table><tr><th>step<th>at<th>took<th class=\"left\">trace</tr>"
    )?;
    for slow in &report.slowest {
        write!(
            f,
            "<tr><td>{}<td>{:.1} s<td>{}<td class=\"left\">",
            Escaped(&slow.step),
            slow.at,
            nanoseconds(slow.took as f64)
        )?;
        let id = Escaped(&slow.trace_id);
        match &report.traces_at {
            Some(at) => write!(f, "<a href=\"{}{id}\"><code>{id}</code></a>", Escaped(at))?,
            None => write!(f, "<code>{id}</code>")?,
        }
        write!(f, "</tr>")?;
    }
    write!(f, "</table></section>")
}

fn circumstances(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let machine = &report.machine;
    write!(f, "<section><h2>Circumstances</h2><table>")?;
    for (name, value) in [
        (
            "machine of the generator",
            format!(
                "{} × {}, {} MB",
                machine.cores, machine.processor, machine.memory_mb
            ),
        ),
        ("kernel", machine.kernel.clone()),
        (
            "generator",
            format!(
                "loadtest {}, report format {}",
                report.version, report.format
            ),
        ),
        (
            "threads, connections",
            format!(
                "{}, {} at most, {} opened",
                report.workers, report.connections, report.opened
            ),
        ),
        ("machine's use", {
            let most = |of: fn(&Moment) -> f64| report.timeline.iter().map(of).fold(0.0, f64::max);
            format!(
                "cores at most {:.0} %, memory at most {:.0} %",
                most(|moment| moment.host_cpu) * 100.0,
                most(|moment| moment.host_memory) * 100.0
            )
        }),
        (
            "own load",
            format!("at most {:.0} %", report.busiest * 100.0),
        ),
        (
            "seed",
            report
                .schedule
                .as_ref()
                .map_or_else(|| "none".to_owned(), |of| of.seed.to_string()),
        ),
    ] {
        write!(
            f,
            "<tr><td>{name}<td class=\"left\">{}</tr>",
            Escaped(&value)
        )?;
    }
    write!(f, "</table></section>")
}
