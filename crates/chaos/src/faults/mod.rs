//! Doing the damage, and undoing it.

mod clock;
mod disk;
mod messages;
mod process;
mod redrive;
mod storm;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::{DateTime, Utc};

use crate::fault::{Fault, Service, Target};
use crate::schedule::Step;
use crate::workload::next_round;
use crate::world::World;

pub use messages::Poisoned;

/// What came of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// It was done.
    Done(String),
    /// It cannot be done here, and why.
    Skipped(String),
}

/// A line of the timeline.
#[derive(Clone, Debug)]
pub struct Entry {
    /// From the beginning of the run.
    pub at: Duration,
    /// What it was.
    pub fault: Fault,
    /// How long it took, with the new start.
    pub took: Duration,
    /// What came of it.
    pub came: Came,
}

/// An orderly end of todo-api, while nothing else was wrong.
#[derive(Clone, Copy, Debug)]
pub struct OrderlyStop {
    /// When it was asked to leave.
    pub from: DateTime<Utc>,
    /// When it was gone.
    pub to: DateTime<Utc>,
}

/// Who does the damage, and remembers what the checks must know of it.
pub struct Injector {
    world: Arc<World>,
    began: Instant,
    seed: u64,
    /// What was done, in the order of beginning.
    pub timeline: Mutex<Vec<Entry>>,
    /// Messages that must become dead letters.
    pub poisoned: Mutex<Vec<Poisoned>>,
    /// Stops that must not cut a request.
    pub orderly: Mutex<Vec<OrderlyStop>>,
}

impl Injector {
    /// For a run that begins now.
    pub fn new(world: Arc<World>, seed: u64) -> Self {
        Self {
            world,
            began: Instant::now(),
            seed,
            timeline: Mutex::default(),
            poisoned: Mutex::default(),
            orderly: Mutex::default(),
        }
    }

    /// Does all of a step, and waits until the system has recovered.
    ///
    /// # Errors
    /// When it does not recover, or a fault cannot be undone.
    pub async fn step(
        &self,
        number: usize,
        step: &Step,
        say: &(dyn Fn(&Entry) + Sync),
    ) -> Result<()> {
        // A request may be slow, and is finished all the same.
        let harmless = |fault: &Fault| matches!(fault, Fault::Terminate(_) | Fault::Slow(..));
        let alone = step.faults.iter().all(|(_, fault)| harmless(fault));
        if let Some(lead) = step.before_reminders {
            let begin = next_round(Utc::now() + lead) - lead;
            let wait = (begin - Utc::now()).to_std().unwrap_or_default();
            tokio::time::sleep(wait).await;
        }
        let all = step.faults.iter().enumerate().map(|(n, (after, fault))| {
            let seed = self.seed ^ ((number as u64) << 32 | n as u64);
            async move {
                tokio::time::sleep(*after).await;
                let (at, start) = (self.began.elapsed(), Instant::now());
                let came = self.inject(fault, seed, alone).await?;
                let entry = Entry {
                    at,
                    fault: fault.clone(),
                    took: start.elapsed(),
                    came,
                };
                say(&entry);
                lock(&self.timeline).push(entry);
                Ok::<_, anyhow::Error>(())
            }
        });
        futures_util::future::try_join_all(all).await?;
        self.world.ready().await
    }

    async fn inject(&self, fault: &Fault, seed: u64, alone: bool) -> Result<Came> {
        let world = &self.world;
        let hold = |lasts: &Duration| tokio::time::sleep(*lasts);
        match fault {
            Fault::Kill(target) => process::kill(world, *target).await,
            Fault::Terminate(target) => {
                let from = Utc::now();
                let came = process::terminate(world, *target).await?;
                if alone && *target == Target::Service(Service::TodoApi) {
                    let to = Utc::now();
                    lock(&self.orderly).push(OrderlyStop { from, to });
                }
                Ok(came)
            }
            Fault::Pause(target, lasts) => process::pause(world, *target, *lasts).await,
            Fault::Cut(link, lasts) => {
                world.ground.proxy(*link).cut();
                hold(lasts).await;
                world.ground.proxy(*link).restore();
                Ok(Came::Done(String::new()))
            }
            Fault::Slow(link, by, lasts) => {
                world.ground.proxy(*link).slow(*by);
                hold(lasts).await;
                world.ground.proxy(*link).restore();
                Ok(Came::Done(format!("by {} ms each way", by.as_millis())))
            }
            Fault::HalfOpen(link, lasts) => {
                world.ground.proxy(*link).half_open();
                hold(lasts).await;
                world.ground.proxy(*link).restore();
                Ok(Came::Done(String::new()))
            }
            Fault::DiskFull(store, lasts) => disk::fill(world, *store, *lasts).await,
            Fault::Duplicates(topic, count) => {
                let poisoned = lock(&self.poisoned).clone();
                messages::duplicate(world, *topic, *count, seed, &poisoned).await
            }
            Fault::Poison(topic, count) => {
                let sent = messages::poison(world, *topic, *count, seed).await;
                let came = Came::Done(messages::describe(&sent));
                lock(&self.poisoned).extend(sent);
                Ok(came)
            }
            Fault::Storm(workers, lasts) => storm::rage(world, *workers, *lasts, seed).await,
            Fault::Redrive(topic) => {
                let sent = lock(&self.poisoned).iter().any(|it| it.topic == *topic);
                redrive::die_and_finish(world, *topic, sent).await
            }
            Fault::ClockJump(seconds, lasts) => clock::jump(world, *seconds, *lasts).await,
        }
    }
}

/// What a lock protects here is whole after every step.
pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
