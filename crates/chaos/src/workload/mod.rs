//! Who writes: several at a time, each with its own tasks, all from one seed.

mod chat;
mod client;
mod customer;
mod rounds;
mod task;
mod writer;

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::ledger::Ledger;
use crate::pace::Pace;
use crate::world::World;

pub use rounds::{ROUND, next_round};

/// Writers of tasks.
const WRITERS: u64 = 16;
/// Writers of messages.
const SPEAKERS: u64 = 2;
/// One message for so many writes of tasks.
const WRITES_PER_MESSAGE: u64 = 20;
/// Who writes to us from outside.
const CUSTOMERS: u64 = 6;
/// One message of a customer for so many writes of tasks.
const WRITES_PER_INQUIRY: u64 = 8;

/// Writes until the pace says that it is enough.
pub fn start(world: &Arc<World>, ledger: &Arc<Ledger>, pace: &Arc<Pace>, seed: u64) -> JoinSet<()> {
    let mut all = JoinSet::new();
    for number in 0..WRITERS {
        let writer = writer::Writer::new(world.clone(), ledger.clone(), pace.clone(), seed, number);
        all.spawn(writer.run());
    }
    for number in 0..SPEAKERS {
        let share = SPEAKERS * WRITES_PER_MESSAGE;
        all.spawn(chat::speak(
            world.clone(),
            ledger.clone(),
            pace.clone(),
            number,
            share,
        ));
    }
    for number in 0..CUSTOMERS {
        let share = CUSTOMERS * WRITES_PER_INQUIRY;
        all.spawn(customer::write(
            world.clone(),
            ledger.clone(),
            pace.clone(),
            seed,
            number,
            share,
        ));
    }
    all
}
