//! A report in a few lines for a terminal.

mod k6;

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use crate::report::{Latency, Report, Step};

/// More steps than this have a line each.
const MANY: usize = 6;

/// Shows a report. Of an invalid run it shows why, and no latencies: they would
/// be quoted.
#[derive(Debug)]
pub struct Summary<'a>(pub &'a Report);

impl Display for Summary<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        match &report.scenario {
            Some(scenario) => writeln!(f, "{scenario}, {}", report.target)?,
            None => writeln!(f, "{}", report.target)?,
        }
        match &report.schedule {
            Some(of) => writeln!(
                f,
                "open loop, {} ({}, seed {}), {:.1} s of {} s",
                of.shape, of.spacing, of.seed, report.sent_seconds, report.planned_seconds
            )?,
            None => writeln!(
                f,
                "closed loop, {} connections, {:.1} s of {} s: a stall hides the requests it \
                 kept from being sent",
                report.connections, report.sent_seconds, report.planned_seconds
            )?,
        }
        if report.interrupted {
            writeln!(f, "stopped early; {} requests were cut off", report.cut_off)?;
        }
        if !report.valid {
            writeln!(f, "\nINVALID, these are no results:")?;
            for objection in &report.invalid_because {
                writeln!(f, "  {objection}")?;
            }
        }
        writeln!(
            f,
            "\n  intended {}   answered {} ({:.0}/s)   errors {}   unsent {}   waited for a \
             connection {}",
            report.intended,
            report.answered,
            report.rate,
            report.errors,
            report.unsent,
            report.held
        )?;
        // What was never done is in the JSON only.
        let done = |step: &&Step| step.service.count > 0 || !step.failures.is_empty();
        let steps: Vec<&Step> = report.steps.iter().filter(done).collect();
        match steps.len() {
            ..=MANY => steps.iter().try_for_each(|step| one(f, report, step))?,
            _ => table(f, report, &steps)?,
        }
        thresholds(f, report)?;
        if report.schedule.is_some() {
            line(f, "own lateness", &report.lateness)?;
        }
        k6::write(f, report)?;
        write!(
            f,
            "\n    own load        at most {:.0} %",
            report.busiest * 100.0
        )
    }
}

fn one(f: &mut Formatter<'_>, report: &Report, step: &Step) -> fmt::Result {
    writeln!(f, "\n  {}", step.name)?;
    for (status, count) in &step.statuses {
        writeln!(f, "    status {status}: {count}")?;
    }
    for (failure, count) in &step.failures {
        writeln!(f, "    failed, {failure}: {count}")?;
    }
    if report.valid {
        if let Some(corrected) = &step.corrected {
            line(f, "latency", corrected)?;
        }
        line(f, "service time", &step.service)?;
    }
    Ok(())
}

/// Of many steps a line for each, with the corrected latency if there is one; and
/// what went wrong.
fn table(f: &mut Formatter<'_>, report: &Report, steps: &[&Step]) -> fmt::Result {
    let head = ["answered", "errors", "p50", "p95", "p99", "max"];
    write!(f, "\n  {:<20}", "")?;
    let shown = if report.valid { head.len() } else { 2 };
    for name in &head[..shown] {
        write!(f, " {name:>9}")?;
    }
    writeln!(f)?;
    for step in steps {
        let failed: u64 = step.failures.values().sum();
        let errors = step.unexpected + failed;
        write!(f, "  {:<20} {:>9} {errors:>9}", step.name, step.answered)?;
        if report.valid {
            let of = step.corrected.as_ref().unwrap_or(&step.service);
            for value in [of.p50, of.p95, of.p99, of.max] {
                write!(f, " {:>9}", format!("{:.1?}", Duration::from_nanos(value)))?;
            }
        }
        writeln!(f)?;
        if step.unexpected > 0 {
            for (status, count) in &step.statuses {
                writeln!(f, "    status {status}: {count}")?;
            }
        }
        for (failure, count) in &step.failures {
            writeln!(f, "    failed, {failure}: {count}")?;
        }
    }
    Ok(())
}

fn line(f: &mut Formatter<'_>, name: &str, of: &Latency) -> fmt::Result {
    write!(f, "    {name:<14}")?;
    for (name, value) in [
        ("p50", of.p50),
        ("p90", of.p90),
        ("p99", of.p99),
        ("p99.9", of.p999),
        ("max", of.max),
    ] {
        let value = format!("{:.2?}", Duration::from_nanos(value));
        write!(f, "  {name} {value:>8}")?;
    }
    writeln!(f)
}

fn thresholds(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    if let Some(search) = &report.breakpoint {
        writeln!(f, "\n  breakpoint, journeys a second")?;
        for trial in &search.tried {
            let broken = trial.thresholds.iter().filter(|verdict| !verdict.held);
            let broken = broken.map(|verdict| format!("{}: {}", verdict.threshold, verdict.found));
            let why: Vec<String> = broken
                .chain(trial.invalid_because.iter().cloned())
                .collect();
            let mark = if trial.held { "✓" } else { "✗" };
            writeln!(f, "    {mark} {:>8.1}  {}", trial.rate, why.join("; "))?;
        }
        match search.knee {
            Some(knee) => writeln!(f, "    the knee is at {knee:.1} journeys a second")?,
            None => writeln!(f, "    not even the first rate was borne")?,
        }
        return Ok(());
    }
    if !report.thresholds.is_empty() {
        writeln!(f, "\n  thresholds")?;
    }
    for verdict in &report.thresholds {
        let mark = if verdict.held { "✓" } else { "✗" };
        writeln!(
            f,
            "    {mark} {}  found {}",
            verdict.threshold, verdict.found
        )?;
    }
    Ok(())
}
