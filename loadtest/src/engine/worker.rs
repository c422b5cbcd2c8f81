//! One thread's part of a run: its share of the arrivals, its connections.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::alarm::Alarm;
use super::lane;
use super::load::Load;
use super::pool::{Job, Pool};
use crate::http1::Connection;
use crate::plan::{Pace, Plan};
use crate::record::Record;

/// How often a waiting pacer looks whether the run has been stopped.
const LOOK_UP: Duration = Duration::from_millis(50);
/// How long a stopped run waits for the answers that are under way.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// The window in which the worker's own load is looked at.
const WINDOW: Duration = Duration::from_millis(250);
/// So many of them make a second, after which records are handed on.
const WINDOWS: u64 = 4;
/// So many late arrivals are sent before the sockets are looked after again.
const BURST: usize = 32;
/// Who is later than this opens no connection but the first: nothing takes longer,
/// and what is late would become later. Those under way will be free before.
const BEHIND: Duration = Duration::from_micros(200);

/// To open a connection takes longer than several requests do: at most one in this
/// time leaves enough of it to them. Who finds none waits for the first that is free.
const OPEN_EVERY: Duration = Duration::from_micros(250);
/// An arrival that is so near is waited for awake: to sleep until then, and to be
/// woken, would take longer.
const NEAR: Duration = Duration::from_micros(50);
/// A turn of the runtime that takes no longer found nothing to do.
const EMPTY_TURN: Duration = Duration::from_micros(3);
/// Connections opened before the first arrival of an open loop: later ones cost the
/// requests beside them time.
const PREPARED: usize = 64;

/// Runs worker `index` of the plan on this thread.
pub(super) fn run(
    index: usize,
    start: Instant,
    plan: Arc<Plan>,
    seconds: mpsc::Sender<Record>,
    end: CancellationToken,
) -> io::Result<()> {
    Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?
        .block_on(work(index, start, plan, seconds, end))
}

async fn work(
    index: usize,
    start: Instant,
    plan: Arc<Plan>,
    seconds: mpsc::Sender<Record>,
    end: CancellationToken,
) -> io::Result<()> {
    let pool = Rc::new(Pool::new(Arc::clone(&plan), start));
    let load = Rc::new(RefCell::new(Load::new()));
    // The connections of the plan, shared out to the last one.
    let share =
        plan.connections / plan.workers + usize::from(index < plan.connections % plan.workers);
    let mut lanes = JoinSet::new();
    if matches!(plan.pace, Pace::Open(_)) {
        prepare(&pool, share.min(PREPARED), start, &mut lanes).await;
    }
    tokio::time::sleep_until(start.into()).await;
    let watch = watch(Rc::clone(&pool), Rc::clone(&load), seconds.clone(), end);
    let watch = AbortOnDropHandle::new(tokio::task::spawn_local(watch));
    match &plan.pace {
        Pace::Open(arrivals) => {
            let times = arrivals.times().skip(index).step_by(plan.workers);
            pace(&pool, times, share, &mut lanes).await?;
        }
        Pace::Closed { .. } => {
            for _ in 0..share {
                lanes.spawn_local(lane::run(Rc::clone(&pool), None, Some(pool.unscheduled())));
            }
        }
    }
    pool.close();
    drain(&pool, lanes).await;
    drop(watch);
    load.borrow_mut().look(&pool);
    let mut record = pool.record.replace(Record::new(1));
    record.until = pool.elapsed();
    if let Pace::Closed { duration } = plan.pace {
        record.paced = record.finished.min(duration);
    }
    // Who ran this takes all there is; if nobody does, nobody cares.
    let _ = seconds.send(record).await;
    Ok(())
}

/// Opens connections, one after the other, as far as there is time before the start.
/// What the target will not have is for the requests to find out.
async fn prepare(pool: &Rc<Pool>, connections: usize, start: Instant, lanes: &mut JoinSet<()>) {
    for _ in 0..connections {
        let opening = Connection::open(pool.plan.target.address);
        let Ok(Ok(connection)) = tokio::time::timeout_at(start.into(), opening).await else {
            return;
        };
        pool.record.borrow_mut().opened += 1;
        lanes.spawn_local(lane::run(Rc::clone(pool), Some(connection), None));
    }
}

/// Sends each request at its time, or as soon after it as can be.
async fn pace(
    pool: &Rc<Pool>,
    times: impl Iterator<Item = Duration>,
    share: usize,
    lanes: &mut JoinSet<()>,
) -> io::Result<()> {
    let mut alarm = Alarm::new()?;
    let mut burst = 0;
    let mut may_open = Duration::ZERO;
    for time in times {
        loop {
            if pool.stopped.get() {
                pool.record.borrow_mut().paced = pool.elapsed();
                return Ok(());
            }
            let early = time.saturating_sub(pool.elapsed());
            if early.is_zero() {
                break;
            }
            burst = 0;
            let more = lanes.len() < share && pool.elapsed() >= may_open;
            if let Some(at) = pool.waiting_longest(more) {
                may_open = pool.elapsed() + OPEN_EVERY;
                let job = Job { at, noted: true };
                lanes.spawn_local(lane::run(Rc::clone(pool), None, Some(job)));
                tokio::task::yield_now().await;
                continue;
            }
            if early > NEAR {
                alarm.after(early.min(LOOK_UP)).await?;
                continue;
            }
            let turn = Instant::now();
            tokio::task::yield_now().await;
            let turn = turn.elapsed();
            if turn < EMPTY_TURN {
                pool.awake_in_vain.set(pool.awake_in_vain.get() + turn);
            }
        }
        burst += 1;
        if burst % BURST == 0 {
            tokio::task::yield_now().await;
        }
        pool.record.borrow_mut().intended += 1;
        #[expect(clippy::cast_possible_truncation, reason = "five centuries")]
        let at = time.as_nanos() as u64;
        let job = Job { at, noted: false };
        if !pool.hand_over(job) {
            let now = pool.elapsed();
            let behind = now.saturating_sub(time) > BEHIND;
            if lanes.is_empty() || (lanes.len() < share && !behind && now >= may_open) {
                may_open = now + OPEN_EVERY;
                lanes.spawn_local(lane::run(Rc::clone(pool), None, Some(job)));
            } else {
                pool.hold(at);
            }
        }
    }
    pool.record.borrow_mut().paced = pool.plan.pace.duration();
    Ok(())
}

/// Waits for what is under way, for as long as an answer may take; what then has
/// none is counted, so that arrivals and outcomes add up.
async fn drain(pool: &Pool, mut lanes: JoinSet<()>) {
    let sending = pool.plan.pace.duration().saturating_sub(pool.elapsed());
    let mut deadline = Instant::now() + sending + pool.plan.timeout;
    let mut stopped = false;
    loop {
        if pool.stopped.get() && !stopped {
            stopped = true;
            deadline = deadline.min(Instant::now() + LAST_ANSWERS);
            // Cut off, and not the fault of anybody's schedule.
            pool.give_up_waiting();
        }
        match tokio::time::timeout(LOOK_UP, lanes.join_next()).await {
            Ok(None) => break,
            // A lane that panics takes the worker with it: its numbers are gone.
            Ok(Some(Err(error))) if error.is_panic() => {
                std::panic::resume_unwind(error.into_panic())
            }
            Ok(Some(_)) => {}
            Err(_) if Instant::now() < deadline => {}
            Err(_) => {
                lanes.shutdown().await;
                break;
            }
        }
    }
    let unsent = pool.give_up_waiting();
    pool.record.borrow_mut().unsent += unsent;
}

/// Looks after what must not cost a request anything: the end of the run, how much
/// time the worker has left, and handing on what was written down, once a second.
async fn watch(
    pool: Rc<Pool>,
    load: Rc<RefCell<Load>>,
    seconds: mpsc::Sender<Record>,
    end: CancellationToken,
) {
    let mut next = Instant::now();
    let mut windows = 0;
    loop {
        next += WINDOW;
        if tokio::time::timeout_at(next.into(), end.cancelled())
            .await
            .is_ok()
        {
            break;
        }
        let mut load = load.borrow_mut();
        load.look(&pool);
        windows += 1;
        if windows % WINDOWS == 0 {
            let mut record = pool.record.replace(Record::new(1));
            record.until = pool.elapsed();
            // If nobody has had the time to take the last one: with the next.
            if let Err(TrySendError::Full(record)) = seconds.try_send(record) {
                pool.record.borrow_mut().merge(&record);
            } else {
                load.handed_on();
            }
        }
        if pool.stopped.get() {
            // This worker met a limit: the others end with it.
            end.cancel();
        }
    }
    pool.stopped.set(true);
}
