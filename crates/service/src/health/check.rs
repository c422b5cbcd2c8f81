use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::{sleep, timeout};

use super::{Kind, State};
use crate::metrics;

/// How often a check runs, and how long it may take.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    pub(super) every: Duration,
    pub(super) at_most: Duration,
    /// After a first failure the check is repeated this soon: one lost packet
    /// is no reason to leave the load balancer.
    pub(super) again: Duration,
}

impl Pace {
    pub(super) const NORMAL: Self = Self {
        every: Duration::from_secs(1),
        at_most: Duration::from_secs(1),
        again: Duration::from_millis(200),
    };
}

pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    state: Mutex<State>,
}

impl Check {
    pub(super) fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            state: Mutex::new(State::Unknown),
        }
    }

    pub(super) fn succeeding(&self) -> bool {
        matches!(*self.lock(), State::Healthy { .. })
    }

    pub(super) fn failing(&self) -> bool {
        matches!(*self.lock(), State::Failing { .. })
    }

    pub(super) fn state(&self) -> State {
        self.lock().clone()
    }

    pub(super) async fn watch<C, F>(self: Arc<Self>, pace: Pace, check: C)
    where
        C: Fn() -> F,
        F: Future<Output = Result<(), String>>,
    {
        let up = metrics::DEPENDENCY_UP.gauge_handle(&[self.name]);
        let mut forgiven = false;
        loop {
            let start = Instant::now();
            let result = timeout(pace.at_most, check())
                .await
                .unwrap_or_else(|_| Err("no answer in time".to_owned()));
            match result {
                Err(_) if self.succeeding() && !forgiven => {
                    forgiven = true;
                    sleep(pace.again).await;
                    continue;
                }
                Err(error) => self.fail(error),
                Ok(()) => self.succeed(start.elapsed()),
            }
            forgiven = false;
            up.set(f64::from(u8::from(self.succeeding())));
            sleep(pace.every).await;
        }
    }

    fn succeed(&self, latency: Duration) {
        let before = std::mem::replace(&mut *self.lock(), State::Healthy { latency });
        if let State::Failing { since, .. } = before {
            let outage_ms = since.elapsed().as_millis() as u64;
            tracing::info!(dependency = self.name, outage_ms, "dependency_recovered");
        }
    }

    fn fail(&self, error: String) {
        let mut state = self.lock();
        let since = match &*state {
            State::Failing { since, .. } => *since,
            _ => {
                tracing::error!(dependency = self.name, error = %error, "dependency_lost");
                Instant::now()
            }
        };
        *state = State::Failing { error, since };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A State is whole whatever happened to its last writer.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
