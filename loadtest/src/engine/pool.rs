//! What the tasks of one worker share: on one thread, so cells and no locks.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use http::{HeaderValue, Method};

use crate::http1::request;
use crate::plan::{Pace, Plan};
use crate::record::Record;
use crate::trace::{LENGTH, TRACEPARENT, Tracer};

/// Where the trace's context goes.
const PLACE: &str = "00-00000000000000000000000000000000-0000000000000000-00";

/// A request that is to go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    /// When it was meant to, in nanoseconds from the start.
    pub(super) at: u64,
    /// The generator's lateness is not to be noted: that was done before it waited
    /// for a connection, or it has no schedule.
    pub(super) noted: bool,
}

/// Where an idle lane waits for its next job.
#[derive(Default)]
pub(super) struct Slot {
    job: Cell<Option<Job>>,
    waker: Cell<Option<Waker>>,
}

impl Slot {
    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The lanes of one worker, those that are idle, and the requests that wait.
pub(super) struct Pool {
    pub(super) plan: Arc<Plan>,
    /// The template in the bytes that go: one write sends them.
    pub(super) request: Vec<u8>,
    /// Where in it each request has the context of its own trace, and who makes that.
    pub(super) traced: Option<(usize, RefCell<Tracer>)>,
    /// It asks with HEAD, so that answers have no body.
    pub(super) head_only: bool,
    pub(super) record: RefCell<Record>,
    /// No further request is to be sent.
    pub(super) stopped: Cell<bool>,
    /// Time that went by while nothing was to be done but to wait for the next
    /// arrival, awake.
    pub(super) awake_in_vain: Cell<Duration>,
    start: Instant,
    idle: RefCell<Vec<Rc<Slot>>>,
    waiting: RefCell<VecDeque<u64>>,
    most_waiting: usize,
    /// All arrivals have been; lanes end when nothing waits.
    closing: Cell<bool>,
}

impl Pool {
    pub(super) fn new(plan: Arc<Plan>, start: Instant) -> Self {
        let (template, target) = (&plan.template, &plan.target);
        let mut headers = template.headers.clone();
        // Who brings a context has one trace for all requests.
        let traces = plan.traces.filter(|_| !headers.contains_key(TRACEPARENT));
        if traces.is_some() {
            headers.insert(TRACEPARENT, HeaderValue::from_static(PLACE));
        }
        let mut bytes = Vec::new();
        request::head(
            &mut bytes,
            &template.method,
            target
                .uri
                .path_and_query()
                .map_or("/", |path| path.as_str()),
            &target.host,
            &headers,
            template.body.len(),
        );
        bytes.extend_from_slice(&template.body);
        let most_waiting = plan.waiting.div_ceil(plan.workers);
        let place = bytes
            .windows(LENGTH)
            .position(|part| part == PLACE.as_bytes());
        Self {
            traced: place
                .zip(traces)
                .map(|(at, share)| (at, RefCell::new(Tracer::new(share)))),
            request: bytes,
            head_only: plan.template.method == Method::HEAD,
            record: RefCell::new(Record::new(1)),
            stopped: Cell::new(false),
            awake_in_vain: Cell::new(Duration::ZERO),
            start,
            idle: RefCell::new(Vec::with_capacity(plan.connections)),
            waiting: RefCell::new(VecDeque::with_capacity(most_waiting.min(4096))),
            most_waiting,
            closing: Cell::new(false),
            plan,
        }
    }

    /// Since the start; zero before it.
    pub(super) fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(self.start)
    }

    /// As [`Pool::elapsed`], in nanoseconds: enough for five centuries.
    #[expect(clippy::cast_possible_truncation)]
    pub(super) fn now(&self) -> u64 {
        self.elapsed().as_nanos() as u64
    }

    /// Hands the job to an idle lane, if there is one.
    pub(super) fn hand_over(&self, job: Job) -> bool {
        let Some(slot) = self.idle.borrow_mut().pop() else {
            return false;
        };
        slot.job.set(Some(job));
        slot.wake();
        true
    }

    /// All connections are busy: the request waits, within the bound.
    pub(super) fn hold(&self, at: u64) {
        let mut record = self.record.borrow_mut();
        record.held += 1;
        record
            .lateness
            .saturating_record(self.now().saturating_sub(at));
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() < self.most_waiting {
            waiting.push_back(at);
        } else {
            record.unsent += 1;
        }
    }

    /// What has waited longest for a connection, taken out if there is one `more`.
    pub(super) fn waiting_longest(&self, more: bool) -> Option<u64> {
        self.waiting.borrow_mut().pop_front_if(|_| more)
    }

    /// The lane's next job; `None` when it is to end.
    pub(super) async fn next(&self, slot: &Rc<Slot>) -> Option<Job> {
        if let Pace::Closed { duration } = self.plan.pace {
            let now = self.elapsed();
            let more = now < duration && !self.stopped.get();
            return more.then(|| self.unscheduled());
        }
        if let Some(at) = self.waiting.borrow_mut().pop_front() {
            return Some(Job { at, noted: true });
        }
        if self.closing.get() {
            return None;
        }
        self.idle.borrow_mut().push(Rc::clone(slot));
        std::future::poll_fn(|context| match slot.job.take() {
            Some(job) => Poll::Ready(Some(job)),
            None if self.closing.get() => Poll::Ready(None),
            None => {
                slot.waker.set(Some(context.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }

    /// A request of the closed loop: meant to go when there was time for it.
    pub(super) fn unscheduled(&self) -> Job {
        self.record.borrow_mut().intended += 1;
        Job {
            at: self.now(),
            noted: true,
        }
    }

    /// No more arrivals: idle lanes end now, the others when nothing waits.
    pub(super) fn close(&self) {
        self.closing.set(true);
        for slot in self.idle.borrow_mut().drain(..) {
            slot.wake();
        }
    }

    /// Gives up what still waits, and says how many that were.
    pub(super) fn give_up_waiting(&self) -> u64 {
        self.waiting.borrow_mut().drain(..).count() as u64
    }

    /// A limit of this machine: the numbers would be its own and not the target's.
    pub(super) fn limit_met(&self, limit: String) {
        self.record.borrow_mut().limit.get_or_insert(limit);
        self.stopped.set(true);
    }
}
