//! A report as one page of HTML: no script, no font, no request to anywhere. What
//! is drawn is drawn here, so that it is the same in ten years.

mod chart;
mod charts;
mod tables;

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use crate::report::Report;

/// The page of a report.
#[derive(Debug)]
pub struct Page<'a>(pub &'a Report);

impl Display for Page<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let title = report.scenario.as_deref().unwrap_or("load");
        write!(
            f,
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\">\
             <meta name=\"color-scheme\" content=\"light dark\">\
             <title>{} · {}</title>\n<style>{}</style>\n<main>",
            Escaped(title),
            report.ended_at.format("%Y-%m-%d %H:%M"),
            include_str!("page.css")
        )?;
        head(f, report, title)?;
        tiles(f, report)?;
        charts::write(f, report)?;
        tables::write(f, report)?;
        writeln!(f, "</main></html>")
    }
}

fn head(f: &mut Formatter<'_>, report: &Report, title: &str) -> fmt::Result {
    let broken = report
        .thresholds
        .iter()
        .filter(|verdict| !verdict.held)
        .count();
    let (class, verdict) = match (report.valid, broken) {
        (false, _) => (" bad", "invalid: these are no results".to_owned()),
        (true, 0) if report.thresholds.is_empty() => ("", "valid run".to_owned()),
        (true, 0) => ("", "valid run, every threshold held".to_owned()),
        (true, 1) => (" bad", "a threshold broke".to_owned()),
        (true, broken) => (" bad", format!("{broken} thresholds broke")),
    };
    write!(
        f,
        "<header><h1>{}</h1><p class=\"soft\">{} · ended {}</p><p><span class=\"verdict{class}\">{verdict}</span></p>",
        Escaped(title),
        Escaped(&report.target),
        report.ended_at.format("%Y-%m-%d %H:%M:%S UTC")
    )?;
    for objection in &report.invalid_because {
        write!(f, "<p class=\"bad-text\">{}</p>", Escaped(objection))?;
    }
    match &report.schedule {
        Some(of) => write!(
            f,
            "<p>Open loop, {} ({}, seed {}), {:.1} s of {} s. Latencies are from when a request was meant to go.</p>",
            Escaped(&of.shape),
            Escaped(&of.spacing),
            of.seed,
            report.sent_seconds,
            report.planned_seconds
        )?,
        None => write!(
            f,
            "<p>Closed loop, {} connections, {:.1} s of {} s: a stall hides the requests it kept from being sent.</p>",
            report.connections, report.sent_seconds, report.planned_seconds
        )?,
    }
    if report.interrupted {
        write!(
            f,
            "<p>Stopped early; {} requests were cut off.</p>",
            report.cut_off
        )?;
    }
    if !report.links.is_empty() {
        write!(f, "<p>")?;
        for link in &report.links {
            write!(
                f,
                "<a href=\"{}\">{}</a> ",
                Escaped(&link.url),
                Escaped(&link.name)
            )?;
        }
        write!(f, "</p>")?;
    }
    write!(f, "</header>")
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn tiles(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let all = charts::all(report, |step| {
        step.corrected.as_ref().unwrap_or(&step.service)
    });
    let quantile = |quantile| nanoseconds(all.value_at_quantile(quantile) as f64);
    let errors = report.errors as f64 * 100.0 / (report.answered.max(report.errors).max(1)) as f64;
    write!(f, "<div class=\"tiles\">")?;
    for (name, value) in [
        ("answers a second", number(report.rate)),
        ("answers", report.answered.to_string()),
        ("errors", format!("{errors:.2} %")),
        ("median", quantile(0.5)),
        ("p95", quantile(0.95)),
        ("p99", quantile(0.99)),
        ("slowest", nanoseconds(all.max() as f64)),
        ("own lateness p99", nanoseconds(report.lateness.p99 as f64)),
    ] {
        write!(
            f,
            "<div class=\"tile\"><span class=\"soft\">{name}</span><b>{value}</b></div>"
        )?;
    }
    write!(f, "</div>")
}

/// A duration with a unit that fits it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "for people"
)]
fn nanoseconds(value: f64) -> String {
    let duration = Duration::from_nanos(value.max(0.0) as u64);
    match value {
        ..1e3 => format!("{duration:.0?}"),
        _ => format!("{duration:.1?}").replace(".0", ""),
    }
}

fn number(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.2}"),
        10.0..1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Text of others in HTML.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(['&', '<', '>', '"', '\'']) {
            let end = part.char_indices().next_back();
            let escape = match end {
                Some((_, '&')) => "&amp;",
                Some((_, '<')) => "&lt;",
                Some((_, '>')) => "&gt;",
                Some((_, '"')) => "&quot;",
                Some((_, '\'')) => "&#39;",
                _ => {
                    f.write_str(part)?;
                    continue;
                }
            };
            f.write_str(&part[..part.len() - 1])?;
            f.write_str(escape)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_text() {
        let text = Escaped("<b a=\"1\">&'</b>").to_string();
        assert_eq!(text, "&lt;b a=&quot;1&quot;&gt;&amp;&#39;&lt;/b&gt;");
    }

    #[test]
    fn durations_have_a_unit_that_fits() {
        assert_eq!(nanoseconds(950.0), "950ns");
        assert_eq!(nanoseconds(1_000_000.0), "1ms");
        assert_eq!(nanoseconds(2_345_678.0), "2.3ms");
    }
}
