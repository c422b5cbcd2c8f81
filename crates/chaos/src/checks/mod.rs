//! The books against what was found.

mod accounts;
mod chat;
mod conduct;
mod effects;
mod events;
mod histories;
mod letters;
mod order;
mod reminders;
mod tickets;
mod writes;

use crate::evidence::Evidence;
use crate::faults::{OrderlyStop, Poisoned};
use crate::ledger::Books;
use crate::quiet::Left;
use events::Events;
use histories::Histories;

/// So many examples of what is wrong are kept.
const EXAMPLES: usize = 5;

/// Everything that the checks look at.
pub struct Case {
    /// What was asked for and answered.
    pub books: Books,
    /// What was found.
    pub evidence: Evidence,
    /// What must have become dead letters.
    pub poisoned: Vec<Poisoned>,
    /// Stops that must not have cut a request.
    pub orderly: Vec<OrderlyStop>,
    /// Services that ended without being asked to.
    pub deaths: Vec<String>,
    /// What was left to do after waiting for it.
    pub left: Left,
    /// Whether the worker's clock has jumped.
    pub clock_jumped: bool,
    /// How many acknowledged writes there were to be.
    pub target: u64,
}

/// What a check came to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Its name.
    pub name: &'static str,
    /// What holds, or does not.
    pub claim: &'static str,
    /// How much was looked at.
    pub figures: String,
    /// How often it does not hold.
    pub violations: usize,
    /// The first few.
    pub examples: Vec<String>,
}

impl Verdict {
    fn new(name: &'static str, claim: &'static str) -> Self {
        Self {
            name,
            claim,
            figures: String::new(),
            violations: 0,
            examples: Vec::new(),
        }
    }

    /// Whether it holds.
    pub fn holds(&self) -> bool {
        self.violations == 0
    }

    fn violation(&mut self, what: impl FnOnce() -> String) {
        self.violations += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(what());
        }
    }
}

/// Makes all checks.
pub fn check(case: &Case) -> Vec<Verdict> {
    let events = Events::read(&case.evidence, &case.poisoned);
    let histories = Histories::of(&case.books);
    vec![
        writes::enough(case),
        writes::kept(case, &events),
        writes::asked_for(case, &events),
        writes::done_once(case, &events),
        writes::answers(case),
        writes::readable(case, &histories),
        effects::state(case, &events),
        order::by_key(&events),
        effects::taken_in(case, &events),
        reminders::fired(&histories, &events),
        effects::notifications(case, &events),
        effects::not_early(case),
        accounts::balance(case, &events),
        accounts::handled_once(case),
        letters::explained(case),
        accounts::nothing_left(case),
        chat::messages(case),
        tickets::answered(case, &events),
        conduct::orderly(case, &events),
        conduct::lived(case),
    ]
}
