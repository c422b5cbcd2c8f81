//! The thread that asks, one question after another.

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{Cluster, Question};

type Answer = Result<Cluster, String>;

/// Ends with the last question after it was dropped.
pub(super) struct Worker {
    requests: mpsc::Sender<(Question, oneshot::Sender<Answer>)>,
    /// Since when it has been at its question.
    busy: Arc<Mutex<Option<Instant>>>,
}

impl Worker {
    /// Starts a thread that answers by `ask`.
    pub fn start(mut ask: impl FnMut(&Question) -> Answer + Send + 'static) -> Self {
        let (requests, inbox) = mpsc::channel::<(Question, oneshot::Sender<Answer>)>();
        let busy = Arc::new(Mutex::new(None));
        let work = {
            let busy = busy.clone();
            move || {
                let is_at = |since| *busy.lock().unwrap_or_else(PoisonError::into_inner) = since;
                while let Ok((question, reply)) = inbox.recv() {
                    is_at(Some(Instant::now()));
                    let answer = ask(&question);
                    is_at(None);
                    // Whoever asked may have given up.
                    let _ = reply.send(answer);
                }
            }
        };
        let thread = thread::Builder::new().name("kafka-probe".to_owned());
        if let Err(error) = thread.spawn(work) {
            // Every question is then answered with "the probe is not running".
            tracing::error!(error = %error, "kafka_probe_failed");
        }
        Self { requests, busy }
    }

    /// The answer to come. None comes if the thread does not run.
    pub fn ask(&self, question: Question) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        // Dropped with it, the reply says that there is no answer.
        let _ = self.requests.send((question, reply));
        answer
    }

    /// Whether it has been at one question for longer.
    pub fn is_stuck(&self, patience: Duration) -> bool {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.is_some_and(|since| since.elapsed() > patience)
    }
}
