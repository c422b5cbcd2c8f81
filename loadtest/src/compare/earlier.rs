//! A run against an earlier one. Moments of a run are compared and not its sums: of
//! two single numbers nobody can say whether they differ.

use anyhow::{Result, bail};

use super::statistics::{factor, holm, mann_whitney, proportions};
use super::{Finding, Findings, Outcome};
use crate::report::{Moment, Report};

/// The part of a run that is left out at its beginning: caches fill, connections
/// open.
const WARM_UP: f64 = 0.1;
/// So many moments make one value: their neighbours are too much like each other to
/// count as observations of their own (Kalibera & Jones 2013, "Rigorous benchmarking
/// in reasonable time").
const BLOCK: usize = 5;
/// Fewer values on either side say nothing.
const LEAST: usize = 8;

/// One thing that is compared.
struct Question {
    what: String,
    detail: String,
    probability: f64,
    /// What the probability would be if every value were above every earlier one.
    least: f64,
}

/// Says where `later` is slower than `earlier`, or fails more, and that by more than
/// chance explains. Over all questions together, a difference is found where there
/// is none at most at the rate `error_rate`.
///
/// What changes from run to run and not within one, such as how full the database
/// is, counts as a difference: runs to be compared begin alike.
///
/// # Errors
/// If the runs are not of the same load and machine, or too short.
pub fn against(later: &Report, earlier: &Report, error_rate: f64) -> Result<Findings> {
    comparable(later, earlier)?;
    let mut questions = Vec::new();
    let mut too_few = Vec::new();
    let mut ask = |what: String, of: &dyn Fn(&Moment) -> Option<u64>| {
        let (before, after) = (blocks(earlier, of), blocks(later, of));
        if before.len().min(after.len()) < LEAST {
            too_few.push(what);
            return;
        }
        let probability = mann_whitney(&before, &after);
        let ranks: Vec<f64> = (0_u32..)
            .map(f64::from)
            .take(before.len() + after.len())
            .collect();
        let (all_below, all_above) = ranks.split_at(before.len());
        let least = mann_whitney(all_below, all_above);
        let detail = format!("× {:.3}", factor(&before, &after));
        questions.push(Question {
            what,
            detail,
            probability,
            least,
        });
    };
    let some = |moment: &Moment, value: u64| (moment.answered > 0).then_some(value);
    ask("all steps p50".to_owned(), &|moment| {
        some(moment, moment.p50)
    });
    ask("all steps p95".to_owned(), &|moment| {
        some(moment, moment.p95)
    });
    ask("all steps p99".to_owned(), &|moment| {
        some(moment, moment.p99)
    });
    for (index, step) in later
        .steps
        .iter()
        .enumerate()
        .filter(|_| later.steps.len() > 1)
    {
        let Some(same) = earlier
            .steps
            .iter()
            .position(|known| known.name == step.name)
        else {
            continue;
        };
        if same != index {
            bail!("the steps of the two runs are not in the same order");
        }
        let row = move |moment: &Moment, of: fn(&crate::report::StepMoment) -> u64| {
            let step = moment.steps.get(index)?;
            (step.answered > 0).then(|| of(step))
        };
        ask(format!("{} p50", step.name), &|moment| {
            row(moment, |step| step.p50)
        });
        ask(format!("{} p95", step.name), &|moment| {
            row(moment, |step| step.p95)
        });
    }
    // What no difference could answer is not asked: it would be said to hold.
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let bound = error_rate / (questions.len() + 1) as f64;
    questions.retain(|question| {
        let can_tell = question.least <= bound;
        if !can_tell {
            too_few.push(question.what.clone());
        }
        can_tell
    });
    if questions.is_empty() {
        bail!(
            "the runs are too short: {LEAST} times {BLOCK} moments with answers are needed after the warm-up, \
             and more for an error rate of {error_rate}"
        );
    }
    questions.push(errors(later, earlier));
    Ok(Findings(judge(questions, too_few, error_rate)))
}

fn judge(questions: Vec<Question>, too_few: Vec<String>, error_rate: f64) -> Vec<Finding> {
    let probabilities: Vec<f64> = questions
        .iter()
        .map(|question| question.probability)
        .collect();
    let slower = holm(&probabilities, error_rate);
    let judged = questions
        .into_iter()
        .zip(slower)
        .map(|(question, slower)| Finding {
            what: question.what,
            outcome: if slower {
                Outcome::Regressed
            } else {
                Outcome::Holds
            },
            detail: format!(
                "{} of the earlier run, by chance p = {:.2e}",
                question.detail, question.probability
            ),
        });
    let unknown = too_few.into_iter().map(|what| Finding {
        what,
        outcome: Outcome::Unknown,
        detail: "too few moments with answers".to_owned(),
    });
    judged.chain(unknown).collect()
}

fn comparable(later: &Report, earlier: &Report) -> Result<()> {
    let (a, b) = (&later.machine, &earlier.machine);
    if (&a.processor, a.cores) != (&b.processor, b.cores) || a.memory_mb.abs_diff(b.memory_mb) > 64
    {
        bail!(
            "the runs are of two machines: {} × {} with {} MB, and {} × {} with {} MB",
            a.cores,
            a.processor,
            a.memory_mb,
            b.cores,
            b.processor,
            b.memory_mb
        );
    }
    let load = |report: &Report| {
        let shape = report
            .schedule
            .as_ref()
            .map(|of| (of.shape.clone(), of.spacing.clone()));
        (
            report.scenario.clone(),
            report.pace.clone(),
            shape,
            report.connections,
        )
    };
    if load(later) != load(earlier) {
        bail!(
            "the runs are not of the same load: {:?} and {:?}",
            load(later),
            load(earlier)
        );
    }
    Ok(())
}

fn errors(later: &Report, earlier: &Report) -> Question {
    let of = |report: &Report| (report.errors, report.answered.max(report.errors));
    let percent = |report: &Report| {
        let (errors, all) = of(report);
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        let share = errors as f64 * 100.0 / all.max(1) as f64;
        share
    };
    Question {
        what: "errors".to_owned(),
        detail: format!(
            "{:.3} % in place of {:.3} %",
            percent(later),
            percent(earlier)
        ),
        probability: proportions(of(earlier), of(later)),
        least: 0.0,
    }
}

/// The medians of blocks of moments.
fn blocks(report: &Report, of: &dyn Fn(&Moment) -> Option<u64>) -> Vec<f64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a few thousand moments"
    )]
    let warm_up = (report.timeline.len() as f64 * WARM_UP).ceil() as usize;
    let values: Vec<u64> = report
        .timeline
        .iter()
        .skip(warm_up)
        .filter_map(of)
        .collect();
    let median = |block: &[u64]| {
        let mut block = block.to_vec();
        block.sort_unstable();
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        let median = block[block.len() / 2] as f64;
        median
    };
    values.chunks_exact(BLOCK).map(median).collect()
}
