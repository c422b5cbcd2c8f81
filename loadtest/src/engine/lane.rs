//! A connection's life: one request after the other, the same task throughout, so
//! that sending one needs no new task.

use std::rc::Rc;
use std::time::Duration;

use super::deadline::Deadline;
use super::exchange::exchange;
use super::pool::{Job, Pool, Slot};
use crate::failure::Failure;
use crate::http1::Connection;
use crate::plan::Pace;
use crate::record::Slow;
use crate::trace::Trace;

/// Before a closed loop tries again to connect; an open one has its schedule.
const PAUSE: Duration = Duration::from_millis(10);

/// Works until the pool has nothing more. Waits for the `first` job if there is none.
pub(super) async fn run(pool: Rc<Pool>, connection: Option<Connection>, first: Option<Job>) {
    let mut lane = Lane {
        connection,
        request: pool.request.clone(),
        deadline: Deadline::new(pool.plan.timeout),
    };
    let slot = Rc::new(Slot::default());
    let mut next = match first {
        Some(job) => Some(job),
        None => pool.next(&slot).await,
    };
    while let Some(job) = next {
        lane.carry_out(&pool, job).await;
        if lane.connection.is_none() && matches!(pool.plan.pace, Pace::Closed { .. }) {
            tokio::time::sleep(PAUSE).await;
        }
        next = pool.next(&slot).await;
    }
}

struct Lane {
    connection: Option<Connection>,
    /// The plan's, with a trace of its own each time.
    request: Vec<u8>,
    deadline: Deadline,
}

impl Lane {
    fn begin_trace(&mut self, pool: &Pool) -> Option<Trace> {
        let (at, tracer) = pool.traced.as_ref()?;
        let trace = tracer.borrow_mut().next();
        let place = self.request[*at..].first_chunk_mut()?;
        trace.write(place);
        Some(trace)
    }

    async fn carry_out(&mut self, pool: &Pool, job: Job) {
        let begun = pool.now();
        if !job.noted {
            let lateness = begun.saturating_sub(job.at);
            pool.record
                .borrow_mut()
                .lateness
                .saturating_record(lateness);
        }
        let trace = self.begin_trace(pool);
        let exchange = exchange(pool, &mut self.connection, &self.request);
        let outcome = self.deadline.guard(exchange).await;

        let ended = pool.now();
        let mut record = pool.record.borrow_mut();
        record.finished = Duration::from_nanos(ended);
        record.ended += 1;
        if let Some(trace) = trace
            && trace.sampled
        {
            record.slow(Slow {
                took: ended.saturating_sub(job.at),
                at: job.at,
                row: 0,
                trace: trace.id,
            });
        }
        let step = &mut record.steps[0];
        let failure = match outcome {
            Some(Ok(answer)) => {
                step.took(ended.saturating_sub(job.at), ended - begun);
                let expected = answer.status.as_u16() < 400;
                step.answered(answer.status.as_u16(), answer.bytes, expected);
                return;
            }
            Some(Err(failure)) => failure,
            None => {
                // It took at least this long: leaving it out would make the
                // slowest server look quick.
                step.took(ended.saturating_sub(job.at), ended - begun);
                Failure::Timeout
            }
        };
        step.failed(failure);
        self.connection = None;
    }
}
