//! A report under the names of k6, for those who know them.

use std::fmt::{self, Formatter};
use std::time::Duration;

use crate::outline::Kind;
use crate::record::histogram;
use crate::report::{Report, Step};

/// Writes the block. `http_req_duration` is what k6 measures, the time from when a
/// request went; the wait before that is in none of k6's numbers but
/// `dropped_iterations`.
#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(super) fn write(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let http = || report.steps.iter().filter(|step| step.kind == Kind::Http);
    let failed = |step: &Step| step.failures.values().sum::<u64>();
    let requests: u64 = http().map(|step| step.answered + failed(step)).sum();
    if requests == 0 {
        return Ok(());
    }
    writeln!(f, "\n  in the names of k6 (times from when a request went)")?;
    let mut service = histogram();
    for step in http() {
        for bucket in step.service.histogram().iter_recorded() {
            service.saturating_record_n(bucket.value_iterated_to(), bucket.count_at_value());
        }
    }
    if report.valid && !service.is_empty() {
        let time = |value: u64| format!("{:.2?}", Duration::from_nanos(value));
        let quantile = |quantile| time(service.value_at_quantile(quantile));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a mean of times"
        )]
        let mean = time(service.mean() as u64);
        name(f, "http_req_duration")?;
        writeln!(
            f,
            "avg={mean} min={} med={} max={} p(90)={} p(95)={} p(99)={}",
            time(service.min()),
            quantile(0.5),
            time(service.max()),
            quantile(0.9),
            quantile(0.95),
            quantile(0.99)
        )?;
    }
    let bad: u64 = http().map(|step| step.unexpected + failed(step)).sum();
    name(f, "http_req_failed")?;
    writeln!(
        f,
        "{:.2}% {bad} out of {requests}",
        bad as f64 * 100.0 / requests as f64
    )?;
    let seconds = report.answered as f64 / report.rate.max(f64::MIN_POSITIVE);
    let each = |count: u64| {
        if seconds > 0.0 {
            count as f64 / seconds
        } else {
            0.0
        }
    };
    name(f, "http_reqs")?;
    writeln!(f, "{requests} {:.1}/s", each(requests))?;
    let ended = report
        .intended
        .saturating_sub(report.unsent + report.cut_off);
    name(f, "iterations")?;
    writeln!(f, "{ended} {:.1}/s", each(ended))?;
    name(f, "dropped_iterations")?;
    writeln!(f, "{}", report.unsent)?;
    let bytes: u64 = http().map(|step| step.bytes).sum();
    name(f, "data_received")?;
    writeln!(f, "{:.1} kB of bodies", bytes as f64 / 1e3)
}

fn name(f: &mut Formatter<'_>, name: &str) -> fmt::Result {
    write!(f, "    {name:.<22}: ")
}
