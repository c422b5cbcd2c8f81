//! The search for the knee: higher rates until a threshold breaks.

use tokio_util::sync::CancellationToken;

use super::Run;
use super::settings::{Pace, Phase};
use crate::arrivals::{Arrivals, Shape};
use crate::engine::RunError;
use crate::report::{Breakpoint, Report, Trial};
use crate::scenario::Search;
use crate::watch::Watch;

/// Tries rate after rate. The report is that of the highest rate that was borne, or
/// of the first if none was; the trials are beside it.
pub(super) async fn run(
    run: &Run,
    search: &Search,
    stop: &CancellationToken,
    watch: &mut Watch,
) -> Result<Report, RunError> {
    let mut rate = search.from * run.rate;
    let highest = search.to * run.rate;
    let each = run.each.unwrap_or(search.each.0);
    let mut found = Breakpoint {
        tried: Vec::new(),
        knee: None,
    };
    let mut best: Option<Report> = None;
    loop {
        // The same spacing at each rate: what differs is the rate.
        let seed = run.scenario.seed;
        let arrivals = Arrivals::poisson(Shape::Constant { rate }, each, seed);
        let phases = [Phase {
            duration: each,
            pace: Pace::Open(arrivals),
        }];
        let (outline, collected) = run.pass(&phases, stop, watch).await?;
        let report = collected.report(&outline, &run.scenario, stop.is_cancelled());
        let held = report.valid
            && !report.interrupted
            && report.thresholds.iter().all(|verdict| verdict.held);
        found.tried.push(Trial {
            rate,
            thresholds: report.thresholds.clone(),
            invalid_because: report.invalid_because.clone(),
            held,
        });
        if held {
            found.knee = Some(rate);
        }
        if held || best.is_none() {
            best = Some(report);
        }
        if !held || rate >= highest || stop.is_cancelled() {
            break;
        }
        rate = (rate * search.factor).min(highest);
    }
    let mut report = best.expect("the loop has made one report before it ends");
    report.interrupted = stop.is_cancelled();
    report.breakpoint = Some(found);
    Ok(report)
}
