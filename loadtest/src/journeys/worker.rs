//! One thread's part of a scenario: its share of the arrivals, its users, its
//! sockets.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Told;
use super::prepare::{self, Prepared};
use super::session::{Session, nanoseconds};
use super::settings::{Pace, Phase};
use super::walk::{self, Walk};
use crate::engine::alarm::Alarm;
use crate::engine::busy::Busy;
use crate::record::Record;
use crate::scenario::Scenario;
use crate::trace::Tracer;

/// How often a waiting pacer looks whether the run has been stopped.
const LOOK_UP: Duration = Duration::from_millis(50);
/// How long a stopped run waits for the answers that are under way.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// How often what was written down is handed on.
const SECOND: Duration = Duration::from_secs(1);
/// So many late arrivals begin before the sockets are looked after again.
const BURST: usize = 32;
/// Before a user of a closed loop whose journey has failed begins again.
const PAUSE: Duration = Duration::from_millis(10);

/// What a worker is given.
pub(super) struct Worker {
    pub(super) index: usize,
    pub(super) workers: usize,
    pub(super) scenario: Arc<Scenario>,
    pub(super) prepared: Arc<Prepared>,
    pub(super) phases: Arc<[Phase]>,
    pub(super) traces: Option<f64>,
    pub(super) ready: oneshot::Sender<Result<(), String>>,
    pub(super) start: watch::Receiver<Option<Instant>>,
    pub(super) seconds: mpsc::Sender<Told>,
    pub(super) end: CancellationToken,
}

impl Worker {
    /// Runs on this thread.
    pub(super) fn run(self) {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default());
        match runtime {
            Ok(runtime) => runtime.block_on(self.work()),
            // Who asked has gone if nobody hears it.
            Err(error) => drop(self.ready.send(Err(error.to_string()))),
        }
    }

    async fn work(mut self) {
        let users = self.prepared.users_of(self.index, self.workers);
        let rows = crate::script::rows::of(&self.scenario).len();
        let scenario = Arc::clone(&self.scenario);
        let session = Session::new(scenario, &self.prepared, users, rows, self.workers);
        *session.tracer.borrow_mut() = self.traces.map(Tracer::new);
        let session = Rc::new(session);
        let ready = self.set_up(&session).await;
        let failed = ready.is_err();
        let (told, _) = oneshot::channel();
        let ready = std::mem::replace(&mut self.ready, told).send(ready);
        let start = self
            .start
            .wait_for(Option::is_some)
            .await
            .map(|start| *start);
        let (Ok(()), Ok(Some(start)), false) = (ready, start, failed) else {
            return;
        };
        session.begin(start);
        go_ahead();
        tokio::time::sleep_until(start.into()).await;
        let watch = watch(Rc::clone(&session), self.seconds.clone(), self.end.clone());
        let watch = AbortOnDropHandle::new(tokio::task::spawn_local(watch));
        let _renewing = self.renew(&session);
        let mut journeys = JoinSet::new();
        if let Err(error) = self.pace(&session, &mut journeys).await {
            session.limit_met(format!("a timer of this machine failed: {error}"));
        }
        drain(&session, journeys).await;
        drop(watch);
        let mut rest = session.record.replace(Record::new(rows));
        rest.until = session.elapsed();
        // The collector outlives the workers, and takes all there is.
        let _ = self.seconds.send(Told::Second(Box::new(rest))).await;
        let _ = self.seconds.send(Told::End).await;
    }

    async fn set_up(&self, session: &Rc<Session>) -> Result<(), String> {
        let script = &session.script;
        let steps = script.journeys.iter().flat_map(|journey| &journey.steps);
        session.connect_kafka(steps)?;
        prepare::open_sockets(session, self.index, self.workers, &self.end).await
    }

    /// Renews this worker's users, as often as the scenario says.
    fn renew(&self, session: &Rc<Session>) -> Option<AbortOnDropHandle<()>> {
        let every = self.scenario.users.as_ref()?.renew.as_ref()?.every.0;
        let session = Rc::clone(session);
        let renewing = async move {
            loop {
                tokio::time::sleep(every).await;
                for user in 0..session.users.len() {
                    let mut walk = Walk::new(&session, u64::MAX - user as u64, Some(user));
                    // What fails is in its row; the user's requests will tell, too.
                    if walk.steps(&session.script.renew, None, None).await.is_ok() {
                        walk.renew_user();
                    }
                }
            }
        };
        Some(AbortOnDropHandle::new(tokio::task::spawn_local(renewing)))
    }

    /// Begins each journey at its time, or as soon after it as can be.
    async fn pace(&self, session: &Rc<Session>, journeys: &mut JoinSet<()>) -> io::Result<()> {
        let mut alarm = Alarm::new()?;
        let (mut begun, mut n) = (Duration::ZERO, 0);
        for phase in self.phases.iter() {
            match &phase.pace {
                Pace::Open(arrivals) => {
                    let mut burst = 0;
                    for (time, turn) in arrivals.times().zip((0..self.workers).cycle()) {
                        n += 1;
                        if turn != self.index {
                            continue;
                        }
                        let at = begun + time;
                        while at > session.elapsed() {
                            if session.stopped.get() {
                                return Ok(());
                            }
                            burst = 0;
                            let early = at.saturating_sub(session.elapsed());
                            alarm.after(early.min(LOOK_UP)).await?;
                        }
                        burst += 1;
                        if burst % BURST == 0 {
                            tokio::task::yield_now().await;
                            while journeys.try_join_next().is_some() {}
                        }
                        if session.stopped.get() {
                            return Ok(());
                        }
                        self.arrive(session, journeys, n, nanoseconds(at));
                    }
                }
                Pace::Closed(users) => {
                    let end = begun + phase.duration;
                    let share =
                        users / self.workers + usize::from(self.index < users % self.workers);
                    for user in 0..share {
                        let first = n + (user * self.workers + self.index) as u64;
                        let session = Rc::clone(session);
                        journeys.spawn_local(again_and_again(session, first, *users as u64, end));
                    }
                    n += 1 << 32;
                }
            }
            begun += phase.duration;
            while begun > session.elapsed() && !session.stopped.get() {
                let early = begun.saturating_sub(session.elapsed());
                alarm.after(early.min(LOOK_UP)).await?;
                while journeys.try_join_next().is_some() {}
            }
            session.record.borrow_mut().paced = session.elapsed().min(begun);
        }
        Ok(())
    }

    fn arrive(&self, session: &Rc<Session>, journeys: &mut JoinSet<()>, n: u64, at: u64) {
        let mut record = session.record.borrow_mut();
        record.intended += 1;
        record.paced = Duration::from_nanos(at);
        if session.under_way.get() >= session.scenario.at_once.div_ceil(self.workers) {
            record.unsent += 1;
            let late = session.now().saturating_sub(at);
            record.lateness.saturating_record(late);
            return;
        }
        session.under_way.set(session.under_way.get() + 1);
        let session = Rc::clone(session);
        journeys.spawn_local(async move {
            let late = session.now().saturating_sub(at);
            session.record.borrow_mut().lateness.saturating_record(late);
            journey(&session, n, at).await;
            session.under_way.set(session.under_way.get() - 1);
        });
    }
}

/// The `n`-th journey, which one the seed says.
async fn journey(session: &Rc<Session>, n: u64, at: u64) {
    use rand::RngExt;
    let chosen = session
        .script
        .choose(walk::random(!session.scenario.seed, n).random());
    let users = session.users.len() as u64;
    #[expect(clippy::cast_possible_truncation, reason = "below the number of users")]
    let user = (users > 0).then(|| (n % users.max(1)) as usize);
    Walk::new(session, n, user).whole(chosen, at).await;
    session.record.borrow_mut().ended += 1;
}

/// A user of a closed loop.
async fn again_and_again(session: Rc<Session>, first: u64, step: u64, end: Duration) {
    let mut n = first;
    while session.elapsed() < end && !session.stopped.get() {
        let before = session
            .record
            .borrow()
            .steps
            .iter()
            .map(|row| row.errors())
            .sum::<u64>();
        session.record.borrow_mut().intended += 1;
        journey(&session, n, session.now()).await;
        let after = session
            .record
            .borrow()
            .steps
            .iter()
            .map(|row| row.errors())
            .sum::<u64>();
        if after > before {
            tokio::time::sleep(PAUSE).await;
        }
        n += step;
    }
}

/// Waits for the journeys that are under way, for as long as the longest of them may
/// take; what then has no end is counted as cut off.
async fn drain(session: &Session, mut journeys: JoinSet<()>) {
    let mut deadline = Instant::now() + session.script.longest(session.scenario.timeout.0);
    let mut stopped = false;
    loop {
        if session.stopped.get() && !stopped {
            stopped = true;
            deadline = deadline.min(Instant::now() + LAST_ANSWERS);
        }
        match tokio::time::timeout(LOOK_UP, journeys.join_next()).await {
            Ok(None) => break,
            // A journey that panics takes the worker with it: its numbers are gone.
            Ok(Some(Err(error))) if error.is_panic() => {
                std::panic::resume_unwind(error.into_panic())
            }
            Ok(Some(_)) => {}
            Err(_) if Instant::now() < deadline => {}
            Err(_) => {
                journeys.shutdown().await;
                break;
            }
        }
    }
}

/// Hands on what was written down, once a second, and looks for the end of the run.
async fn watch(session: Rc<Session>, seconds: mpsc::Sender<Told>, end: CancellationToken) {
    let rows = session.record.borrow().steps.len();
    let mut busy = Busy::new();
    let mut next = Instant::now() + SECOND;
    while !end.is_cancelled() {
        let ended = tokio::time::timeout_at(next.into(), end.cancelled())
            .await
            .is_ok();
        next += SECOND;
        let share = busy.share(Duration::ZERO);
        let mut record = session.record.replace(Record::new(rows));
        record.until = session.elapsed();
        record.busiest = share;
        let told = seconds.try_send(Told::Second(Box::new(record)));
        if let Err(mpsc::error::TrySendError::Full(Told::Second(unsent))) = told {
            // The collector is behind: later, then.
            session.record.borrow_mut().merge(&unsent);
        }
        if session.stopped.get() {
            // This worker met a limit: the others end with it.
            end.cancel();
        }
        if ended {
            break;
        }
    }
    session.stopped.set(true);
}

/// Lets this thread run before others (`SCHED_RR`, sched(7)), so that a busy machine
/// makes the system late and not the clock that it is measured by. It takes root or
/// `CAP_SYS_NICE`; without, the run goes on as it is, and says how late it was. The
/// clients' own threads are there already, and stay behind.
fn go_ahead() {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
}
