//! Leaving in order: readiness goes off, the load balancers get time to notice,
//! then everything that was begun is finished, within a deadline.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{BoxError, Health, Settings};

/// Tells tasks when to stop, and knows whether they did.
#[derive(Clone)]
pub struct Shutdown {
    requested: CancellationToken,
    soft: CancellationToken,
    hard: CancellationToken,
    tracker: TaskTracker,
    failure: Arc<Mutex<Option<BoxError>>>,
}

impl Shutdown {
    pub(crate) fn new() -> Self {
        Self {
            requested: CancellationToken::new(),
            soft: CancellationToken::new(),
            hard: CancellationToken::new(),
            tracker: TaskTracker::new(),
            failure: Arc::default(),
        }
    }

    /// Cancelled when draining starts: readiness has been off for the delay.
    pub fn token(&self) -> CancellationToken {
        self.soft.clone()
    }

    /// Cancelled when there is no more time: at the deadline, or by a second
    /// signal.
    pub fn hard(&self) -> CancellationToken {
        self.hard.clone()
    }

    /// Tasks that the process waits for before it ends.
    pub fn tracker(&self) -> &TaskTracker {
        &self.tracker
    }

    /// Starts the shutdown, as SIGTERM does.
    pub fn begin(&self) {
        self.requested.cancel();
    }

    /// Starts the shutdown because something failed: the process exits with 1.
    pub fn fail(&self, error: BoxError) {
        // A poisoned lock still holds a usable Option.
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(error);
        self.requested.cancel();
    }

    /// Runs a background task that the service cannot do without. If it fails
    /// or panics, the service stops and says why. The handle tells when it has
    /// ended, whichever way.
    pub fn spawn<F>(&self, name: &'static str, task: F) -> JoinHandle<()>
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let shutdown = self.clone();
        let handle = self.tracker.spawn(task);
        self.tracker.spawn(async move {
            let error: BoxError = match handle.await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error,
                Err(panic) => panic.into(),
            };
            telemetry::critical!(task = name, error = %error, "background_task_failed");
            shutdown.fail(error);
        })
    }

    /// One step of the shutdown, logged with its duration. Answers nothing if
    /// the time ran out first.
    pub async fn step<F: Future>(&self, name: &'static str, step: F) -> Option<F::Output> {
        let start = Instant::now();
        let output = self.hard.run_until_cancelled(step).await;
        let duration_ms = start.elapsed().as_millis() as u64;
        if output.is_some() {
            tracing::info!(step = name, duration_ms, "shutdown_step");
        } else {
            tracing::warn!(step = name, duration_ms, "shutdown_step_cut_short");
        }
        output
    }

    pub(crate) fn failure(&self) -> Option<BoxError> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Waits for a signal (or [`Shutdown::begin`]) and then sets the pace:
    /// readiness off, delay, drain, deadline. Runs on the admin thread, so that
    /// a wedged service can still be told to leave.
    pub(crate) async fn conduct(self, health: Health, settings: Settings) -> Result<(), BoxError> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let cause = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
            () = self.requested.cancelled() => "request",
        };
        self.requested.cancel();
        health.drain();
        tracing::info!(
            cause,
            delay_ms = settings.shutdown_delay.as_millis() as u64,
            deadline_ms = settings.shutdown_deadline.as_millis() as u64,
            "shutdown_started"
        );
        let pace = async {
            tokio::time::sleep(settings.shutdown_delay).await;
            tracing::info!(step = "drain", "shutdown_step");
            self.soft.cancel();
            tokio::time::sleep(settings.shutdown_deadline - settings.shutdown_delay).await;
            tracing::error!("shutdown_deadline_exceeded");
        };
        tokio::select! {
            () = pace => {}
            _ = terminate.recv() => tracing::warn!("shutdown_forced"),
            _ = interrupt.recv() => tracing::warn!("shutdown_forced"),
        }
        self.soft.cancel();
        self.hard.cancel();
        // The process should be gone by now. What still holds it up is a
        // thread that does not yield, and nobody waits for that.
        tokio::time::sleep(Duration::from_secs(3)).await;
        std::process::exit(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failing_task_begins_the_shutdown() {
        let shutdown = Shutdown::new();
        shutdown.spawn("relay", async { Err("lost".into()) });
        shutdown.requested.cancelled().await;
        assert_eq!(shutdown.failure().unwrap().to_string(), "lost");
    }

    #[tokio::test]
    async fn a_panicking_task_begins_the_shutdown() {
        let shutdown = Shutdown::new();
        shutdown.spawn("relay", async { panic!("on purpose") });
        shutdown.requested.cancelled().await;
        assert!(shutdown.failure().is_some());
    }

    #[tokio::test]
    async fn a_step_ends_with_the_time() {
        let shutdown = Shutdown::new();
        assert_eq!(shutdown.step("quick", async { 1 }).await, Some(1));
        shutdown.hard.cancel();
        assert_eq!(
            shutdown.step("endless", std::future::pending::<()>()).await,
            None
        );
    }
}
