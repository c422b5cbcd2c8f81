//! A timeout that costs a request nothing until one is near.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A connection's timeout. Its timer is set when it fires and not for each
/// request: one that fires too early for the request at hand is set again.
pub(super) struct Deadline {
    timeout: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl Deadline {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            sleep: Box::pin(sleep_until(Instant::now() + timeout)),
        }
    }

    /// The future's output, or `None` if it took longer than the timeout.
    pub(super) async fn guard<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let at = Instant::now() + self.timeout;
        let mut future = pin!(future);
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            while self.sleep.as_mut().poll(context).is_ready() {
                if Instant::now() >= at {
                    return Poll::Ready(None);
                }
                self.sleep.as_mut().reset(at);
            }
            Poll::Pending
        })
        .await
    }
}
