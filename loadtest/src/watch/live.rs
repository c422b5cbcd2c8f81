//! What stands on the terminal while a run goes on; without one, lines.

use std::collections::VecDeque;
use std::time::Duration;

use console::Term;
use hdrhistogram::Histogram;

use super::View;
use crate::outline::Outline;
use crate::record::{Record, histogram};
use crate::report::Moment;

/// Seconds in a sparkline.
const SPARKS: usize = 40;
/// Steps that are shown: those that come most often.
const STEPS: usize = 8;
/// Without a terminal a line comes this often, in seconds, of a run that is longer
/// than twice that.
const LINES_EVERY: f64 = 5.0;

pub(crate) struct Live {
    term: Term,
    drawn: usize,
    latest: VecDeque<Moment>,
    /// Of the whole run so far.
    all: Histogram<u64>,
    answered: u64,
    errors: u64,
    next_line: f64,
}

impl Live {
    pub(crate) fn new() -> Self {
        Self {
            term: Term::stderr(),
            drawn: 0,
            latest: VecDeque::with_capacity(SPARKS),
            all: histogram(),
            answered: 0,
            errors: 0,
            next_line: 0.0,
        }
    }

    fn note(&mut self, outline: &Outline, record: &Record, moment: &Moment) {
        for (about, step) in outline.steps.iter().zip(&record.steps) {
            if about.kind.counts() && !step.corrected.is_empty() {
                self.all
                    .add(&step.corrected)
                    .expect("all histograms have the same bounds");
            }
        }
        self.answered += moment.answered;
        self.errors += moment.errors;
        if self.latest.len() == SPARKS {
            self.latest.pop_front();
        }
        self.latest.push_back(moment.clone());
    }

    #[expect(clippy::cast_precision_loss, reason = "for people")]
    fn frame(&self, outline: &Outline) -> Vec<String> {
        let Some(now) = self.latest.back() else {
            return Vec::new();
        };
        let sparks = |value: fn(&Moment) -> f64| sparkline(self.latest.iter().map(value));
        let what = outline.scenario.as_deref().unwrap_or("load");
        let planned = outline.planned.as_secs_f64();
        let share = percent(
            self.errors,
            self.answered + failed(self.errors, self.answered),
        );
        let mut lines = vec![
            format!(
                "{what} → {}   {} of {}",
                outline.target,
                clock(now.at.min(planned)),
                clock(planned)
            ),
            format!(
                "  rate      {:>9}   asked for {:>9}   {}",
                per_second(now.answered, now.seconds),
                per_second(now.intended, now.seconds),
                sparks(|moment| moment.answered as f64 / moment.seconds)
            ),
            format!(
                "  latency   p50 {}  p95 {}  p99 {}  max {}   {} p99",
                duration(now.p50),
                duration(now.p95),
                duration(now.p99),
                duration(now.max),
                sparks(|moment| moment.p99 as f64)
            ),
            format!(
                "  so far    p50 {}  p95 {}  p99 {}  max {}   {} answers",
                duration(self.all.value_at_quantile(0.5)),
                duration(self.all.value_at_quantile(0.95)),
                duration(self.all.value_at_quantile(0.99)),
                duration(self.all.max()),
                self.answered
            ),
            format!(
                "  errors    {share}   {} so far   {}",
                self.errors,
                sparks(|moment| moment.errors as f64 / moment.seconds)
            ),
            format!(
                "  own       lateness p99 {}  busy {:.0} %",
                duration(now.late),
                now.busy * 100.0
            ),
        ];
        if now.steps.len() > 1 {
            let mut steps: Vec<_> = outline.steps.iter().zip(&now.steps).collect();
            steps.sort_by_key(|(_, step)| std::cmp::Reverse(step.answered));
            for (about, step) in steps.into_iter().take(STEPS) {
                lines.push(format!(
                    "    {:<32} {:>9}  p50 {}  p99 {}  errors {}",
                    about.name,
                    per_second(step.answered, now.seconds),
                    duration(step.p50),
                    duration(step.p99),
                    step.errors
                ));
            }
        }
        lines
    }

    fn line(&self, outline: &Outline) -> Option<String> {
        let now = self.latest.back()?;
        Some(format!(
            "{:>6.1} s of {} s   {} of {} asked for   p50 {}  p95 {}  p99 {}   errors {}   own \
             lateness p99 {}",
            now.at,
            outline.planned.as_secs_f64(),
            per_second(now.answered, now.seconds),
            per_second(now.intended, now.seconds),
            duration(now.p50),
            duration(now.p95),
            duration(now.p99),
            now.errors,
            duration(now.late),
        ))
    }
}

impl View for Live {
    // A terminal that has gone is no reason to end a run.
    fn second(&mut self, outline: &Outline, record: &Record, moment: &Moment) {
        self.note(outline, record, moment);
        if self.term.is_term() {
            let width = usize::from(self.term.size().1);
            let _ = self.term.clear_last_lines(self.drawn);
            let lines = self.frame(outline);
            self.drawn = lines.len();
            for line in lines {
                // A line that wraps would be two to clear.
                let _ = self
                    .term
                    .write_line(&console::truncate_str(&line, width, "…"));
            }
        } else if moment.at >= self.next_line {
            let often = outline.planned.as_secs_f64() <= 2.0 * LINES_EVERY;
            self.next_line = if often {
                0.0
            } else {
                moment.at + LINES_EVERY - 0.5
            };
            if let Some(line) = self.line(outline) {
                let _ = self.term.write_line(&line);
            }
        }
    }

    fn end(&mut self) {
        if self.term.is_term() {
            let _ = self.term.clear_last_lines(self.drawn);
            self.drawn = 0;
        }
    }
}

/// Errors without an answer, as far as the two counts tell.
fn failed(errors: u64, answered: u64) -> u64 {
    errors.saturating_sub(answered)
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn percent(part: u64, of: u64) -> String {
    format!("{:.2} %", part as f64 * 100.0 / (of.max(1)) as f64)
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn per_second(count: u64, seconds: f64) -> String {
    let rate = count as f64 / seconds.max(1e-3);
    match rate {
        ..100.0 => format!("{rate:.1}/s"),
        _ => format!("{rate:.0}/s"),
    }
}

fn duration(nanoseconds: u64) -> String {
    format!("{:.1?}", Duration::from_nanos(nanoseconds))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time of day at most"
)]
fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Bars of eighths, the highest of them whole.
fn sparkline(values: impl Iterator<Item = f64> + Clone) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = values.clone().fold(0.0, f64::max);
    values
        .map(|value| {
            if most <= 0.0 {
                return BARS[0];
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "0 to 7"
            )]
            let bar = (value / most * 7.0).round() as usize;
            BARS[bar.min(7)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_fills_its_height() {
        assert_eq!(sparkline([0.0, 3.5, 7.0].into_iter()), "▁▅█");
        assert_eq!(sparkline([0.0, 0.0].into_iter()), "▁▁");
    }

    #[test]
    fn a_frame_says_what_happens() {
        let outline = crate::outline::tests::single("http://127.0.0.1:1/", 10);
        let mut record = Record::new(1);
        record.intended = 4;
        record.steps[0].took(2_000_000, 1_000_000);
        record.steps[0].answered(200, 2, true);
        record.steps[0].took(9_000_000, 1_000_000);
        record.steps[0].answered(500, 2, false);
        let moment = Moment::of(&outline, &record, 1.0, 1.0);
        let mut live = Live::new();
        live.note(&outline, &record, &moment);
        live.note(&outline, &record, &moment);
        let frame = live.frame(&outline).join("\n");
        for part in [
            "0:01 of 0:10",
            "2.0/s",
            "asked for     4.0/s",
            "p50 2.0ms",
            "max 9.0ms",
            "50.00 %",
            "██",
        ] {
            assert!(frame.contains(part), "{part} in {frame}");
        }
        assert!(live.line(&outline).unwrap().contains("p95 9.0ms"));
    }
}
