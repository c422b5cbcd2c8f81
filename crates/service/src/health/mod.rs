//! Whether the service can work, from checks that run in the background: a
//! probe only reads what they found last, so it never queues behind the load
//! it reports on.

mod check;
mod heartbeat;
mod report;

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

use check::{Check, Pace};
use heartbeat::Heartbeat;
pub(crate) use report::Report;

/// What it means for the service when a check fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The service cannot serve: readiness goes off.
    Critical,
    /// The service goes on with less: it is reported as degraded.
    Degrading,
}

/// The state of the service and of what it depends on.
#[derive(Clone)]
pub struct Health(Arc<Inner>);

struct Inner {
    version: &'static str,
    checks: Mutex<Vec<Arc<Check>>>,
    started: AtomicBool,
    draining: AtomicBool,
    heartbeat: Heartbeat,
    /// Where the checks run: apart from the workers that serve requests.
    runtime: Handle,
    pace: Pace,
}

impl Health {
    pub(crate) fn new(version: &'static str, runtime: Handle) -> Self {
        Self::with_pace(version, runtime, Pace::NORMAL)
    }

    fn with_pace(version: &'static str, runtime: Handle, pace: Pace) -> Self {
        Self(Arc::new(Inner {
            version,
            checks: Mutex::default(),
            started: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            heartbeat: Heartbeat::new(),
            runtime,
            pace,
        }))
    }

    /// Runs a check every second, for as long as the process lives. It has a
    /// second to answer; the text of its error is shown in `/health/detailed`.
    pub fn check<C, F>(&self, name: &'static str, kind: Kind, check: C)
    where
        C: Fn() -> F + Send + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let entry = Arc::new(Check::new(name, kind));
        self.checks().push(entry.clone());
        self.0.runtime.spawn(entry.watch(self.0.pace, check));
    }

    /// Whether requests should be sent here: started, not draining, and every
    /// critical check has succeeded.
    pub fn ready(&self) -> bool {
        self.blockers().is_empty()
    }

    /// Whether the check of this name last failed.
    pub fn lost(&self, name: &str) -> bool {
        self.checks()
            .iter()
            .any(|check| check.name == name && check.failing())
    }

    /// Says that start-up is finished. [`crate::http::serve`] does so; a
    /// service without a public port need not care either.
    pub fn started(&self) {
        self.0.started.store(true, Relaxed);
    }

    pub(crate) fn is_started(&self) -> bool {
        self.0.started.load(Relaxed)
    }

    pub(crate) fn drain(&self) {
        self.0.draining.store(true, Relaxed);
    }

    pub(crate) fn draining(&self) -> bool {
        self.0.draining.load(Relaxed)
    }

    /// Whether the workers still make progress.
    pub(crate) fn alive(&self) -> bool {
        self.0.heartbeat.age() < Duration::from_secs(10)
    }

    /// Beats for as long as the workers of this runtime run tasks.
    pub(crate) fn beat_on(&self, workers: &Handle) {
        let health = self.clone();
        workers.spawn(async move {
            loop {
                health.0.heartbeat.beat();
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
    }

    /// Why the service is not ready; empty if it is.
    pub(crate) fn blockers(&self) -> Vec<&'static str> {
        let mut blockers = Vec::new();
        if !self.is_started() {
            blockers.push("starting");
        }
        if self.draining() {
            blockers.push("draining");
        }
        let checks = self.checks();
        let failing = checks
            .iter()
            .filter(|check| check.kind == Kind::Critical && !check.succeeding());
        blockers.extend(failing.map(|check| check.name));
        blockers
    }

    pub(crate) fn report(&self) -> Report {
        Report::new(self.0.version, self.blockers(), &self.checks())
    }

    pub(crate) fn version(&self) -> &'static str {
        self.0.version
    }

    fn checks(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Check>>> {
        // Nothing panics while it holds this lock.
        self.0.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a check found, and when.
#[derive(Clone, Debug)]
enum State {
    Unknown,
    Healthy { latency: Duration },
    Failing { error: String, since: Instant },
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn quick() -> Health {
        let tick = Duration::from_millis(10);
        let pace = Pace {
            every: tick,
            at_most: tick,
            again: tick,
        };
        Health::with_pace("1", Handle::current(), pace)
    }

    async fn until(condition: impl Fn() -> bool) {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn ready_once_started_and_checked() {
        let health = quick();
        health.check("database", Kind::Critical, || async { Ok(()) });
        health.check("kafka", Kind::Degrading, || async {
            Err("refused".to_owned())
        });
        assert_eq!(health.blockers(), ["starting", "database"]);
        health.started();
        until(|| health.ready()).await;
        until(|| health.lost("kafka")).await;
        assert!(health.ready());
        assert_eq!(health.report().status, "degraded");
        health.drain();
        assert_eq!(health.blockers(), ["draining"]);
    }

    #[tokio::test]
    async fn one_failure_is_forgiven_and_two_are_not() {
        let health = quick();
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = runs.clone();
        health.check("database", Kind::Critical, move || {
            let run = counted.fetch_add(1, Relaxed);
            // Fails once as number 1, and for good from number 6 on.
            async move {
                if run == 1 || run >= 6 {
                    Err("down".to_owned())
                } else {
                    Ok(())
                }
            }
        });
        health.started();
        until(|| runs.load(Relaxed) >= 3).await;
        assert!(health.ready());
        until(|| !health.ready()).await;
        assert!(runs.load(Relaxed) >= 8);
        assert!(health.lost("database"));
    }

    #[tokio::test]
    async fn a_check_that_hangs_fails() {
        let health = quick();
        health.check("redis", Kind::Critical, || {
            std::future::pending::<Result<(), String>>()
        });
        until(|| health.lost("redis")).await;
        assert_eq!(health.report().components[0].status, "unhealthy");
    }
}
