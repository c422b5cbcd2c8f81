//! What was seen on the way.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::TimeDelta;

/// One leg of the way.
#[derive(Clone, Debug)]
pub struct Hop {
    /// From where to where.
    pub name: &'static str,
    /// What it passes.
    pub through: &'static str,
    /// How long it took; `None` if it failed.
    pub milliseconds: Option<f64>,
}

impl Hop {
    /// Runs the hop and takes its time.
    pub(super) async fn timed<T>(&mut self, hop: impl Future<Output = Result<T>>) -> Result<T> {
        let started = Instant::now();
        let result = hop.await?;
        self.milliseconds = Some(started.elapsed().as_secs_f64() * 1e3);
        Ok(result)
    }

    /// Notes a time that others measured. Kafka's clock ticks in milliseconds,
    /// so a very short hop may come out as less than nothing: that is 0.
    pub(super) fn took(&mut self, time: TimeDelta) {
        let microseconds = time.num_microseconds().unwrap_or(i64::MAX).max(0);
        self.milliseconds = Some(microseconds as f64 / 1e3);
    }
}

/// What one of the observing systems had to say.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Prometheus, Jaeger or Loki.
    pub place: &'static str,
    /// What was found there, or why nobody looked.
    pub text: String,
    /// `Some(false)`: it runs, and the action is not there as it should be.
    /// `None`: it does not run.
    pub found: Option<bool>,
}

/// The journey's result.
#[derive(Clone, Debug)]
pub struct Report {
    /// The trace id of the action.
    pub trace_id: String,
    /// The hops made, in order.
    pub hops: Vec<Hop>,
    /// From signing in to the push.
    pub total: Duration,
    /// What Prometheus, Jaeger and Loki know of it.
    pub findings: Vec<Finding>,
    /// Why the last hop failed; `None` when all of them worked.
    pub failure: Option<String>,
}

impl Report {
    pub(super) fn new(trace_id: &str) -> Self {
        Self {
            trace_id: trace_id.to_owned(),
            hops: Vec::new(),
            total: Duration::ZERO,
            findings: Vec::new(),
            failure: None,
        }
    }

    pub(super) fn hop(&mut self, name: &'static str, through: &'static str) -> &mut Hop {
        self.hops.push(Hop {
            name,
            through,
            milliseconds: None,
        });
        // Pushed in the line above.
        let last = self.hops.len() - 1;
        &mut self.hops[last]
    }

    pub(super) fn fail(&mut self, error: &anyhow::Error) {
        self.failure = Some(format!("{error:#}"));
    }

    /// The name of the hop that failed.
    pub fn failed_hop(&self) -> Option<&'static str> {
        let last = self.hops.last().map_or("begin", |hop| hop.name);
        self.failure.as_ref().map(|_| last)
    }

    /// Whether every hop worked, and whoever runs and watches has seen it.
    pub fn succeeded(&self) -> bool {
        self.failure.is_none()
            && self
                .findings
                .iter()
                .all(|finding| finding.found != Some(false))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "journey, trace {}", self.trace_id)?;
        for hop in &self.hops {
            let Hop { name, through, .. } = hop;
            match hop.milliseconds {
                Some(time) => writeln!(f, "  ✓ {name:<20} {through:<42} {time:>9.1} ms")?,
                None => writeln!(f, "  ✗ {name:<20} {through:<42}")?,
            }
        }
        if let Some(failure) = &self.failure {
            let hop = self.failed_hop().unwrap_or_default();
            return write!(f, "journey failed at \"{hop}\": {failure}");
        }
        let total = self.total.as_secs_f64();
        writeln!(
            f,
            "  the whole way, 1 s of it waiting for the reminder's time: {total:.2} s"
        )?;
        for Finding { place, text, found } in &self.findings {
            let mark = match found {
                Some(true) => "✓",
                Some(false) => "✗",
                None => "–",
            };
            writeln!(f, "  {mark} {place:<20} {text}")?;
        }
        f.write_str(if self.succeeded() {
            "journey complete"
        } else {
            "journey complete, but not seen by all who watch"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn names_the_hop_that_failed() {
        let mut report = Report::new("4bf9");
        report.hop("sign in", "HTTP").milliseconds = Some(1.0);
        report.hop("chat → task", "WebSocket");
        report.fail(&anyhow::anyhow!("no answer"));
        assert_eq!(report.failed_hop(), Some("chat → task"));
        assert!(!report.succeeded());
        assert!(
            report
                .to_string()
                .contains("failed at \"chat → task\": no answer")
        );
    }
}
