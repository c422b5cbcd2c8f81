//! The proof of the proof: known bugs, each of which a check must catch.

use std::time::Duration;

use crate::fault::{Fault, Link, Service, Store, Target, Topic};
use crate::schedule::Step;

/// A bug that the services can be built with.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    /// What `PLANTED_BUG` calls it.
    pub name: &'static str,
    /// What goes wrong.
    pub what: &'static str,
    /// The trouble that shows it.
    pub trouble: Trouble,
    /// The checks of which one must catch it: how it shows is for chance to decide.
    pub caught_by: &'static [&'static str],
}

/// What is done to the system to show a bug. The system without a bug stands all
/// of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Nothing.
    None,
    /// todo-api is killed while its database answers late.
    ApiDiesInTheMiddle,
    /// todo-api is asked to leave while its database answers late.
    ApiLeavesInTheMiddle,
    /// The worker is killed while its database answers late, when it has begun to
    /// fire many reminders.
    WorkerDiesInTheMiddle,
    /// The worker is killed while its database answers nothing.
    WorkerDiesWaiting,
    /// PostgreSQL is killed.
    DatabaseDies,
    /// todo-api is killed while Kafka answers nothing.
    ApiDiesWithoutKafka,
    /// Kafka answers nothing for a while.
    KafkaPauses,
    /// Kafka is killed while it answers nothing.
    KafkaDies,
    /// Messages are delivered twice.
    Duplicates,
    /// Messages that nobody can read.
    Poison,
    /// Dead letters are sent back.
    Redrive,
    /// Several workers at once.
    ManyWorkers,
}

const TODO: Service = Service::TodoApi;
const WORKER: Service = Service::EventWorker;
const TODO_DATABASE: Link = Link::new(TODO, Store::Postgres);
const WORKER_DATABASE: Link = Link::new(WORKER, Store::Postgres);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::None,
        Self::ApiDiesInTheMiddle,
        Self::ApiLeavesInTheMiddle,
        Self::WorkerDiesInTheMiddle,
        Self::WorkerDiesWaiting,
        Self::DatabaseDies,
        Self::ApiDiesWithoutKafka,
        Self::KafkaPauses,
        Self::KafkaDies,
        Self::Duplicates,
        Self::Poison,
        Self::Redrive,
        Self::ManyWorkers,
    ];

    /// The faults.
    pub fn steps(self) -> Vec<Step> {
        use Fault::{HalfOpen, Kill, Pause, Slow, Terminate};
        let service = Target::Service;
        let kafka = Target::Store(Store::Kafka);
        let twice = |step: Step| vec![step.clone(), step];
        match self {
            Self::None => Vec::new(),
            // Requests begin together when the database becomes slow, and take
            // some two seconds: each time it dies at another of their steps.
            Self::ApiDiesInTheMiddle => [900, 1300, 1700, 2100]
                .map(|after| {
                    let slow = Slow(TODO_DATABASE, ms(150), ms(2500));
                    Step::two(slow, ms(after), Kill(service(TODO)))
                })
                .to_vec(),
            Self::ApiLeavesInTheMiddle => twice(Step::two(
                Slow(TODO_DATABASE, ms(150), ms(2500)),
                ms(1500),
                Terminate(service(TODO)),
            )),
            // One and a half seconds after they come due: then what fires them has
            // begun with it, and cannot be through.
            Self::WorkerDiesInTheMiddle => twice(
                Step::two(
                    Slow(WORKER_DATABASE, ms(100), ms(3000)),
                    ms(2000),
                    Kill(service(WORKER)),
                )
                .before_reminders(ms(500)),
            ),
            Self::WorkerDiesWaiting => twice(Step::two(
                HalfOpen(WORKER_DATABASE, ms(4000)),
                ms(3500),
                Kill(service(WORKER)),
            )),
            Self::DatabaseDies => vec![Step::one(Kill(Target::Store(Store::Postgres))); 3],
            Self::ApiDiesWithoutKafka => vec![Step::two(
                Pause(kafka, ms(5000)),
                ms(3000),
                Kill(service(TODO)),
            )],
            Self::KafkaPauses => vec![Step::one(Pause(kafka, ms(7000)))],
            Self::KafkaDies => vec![Step::two(Pause(kafka, ms(3000)), ms(2500), Kill(kafka))],
            Self::Duplicates => twice(Step::one(Fault::Duplicates(Topic::Tasks, 60))),
            Self::Poison => Topic::ALL
                .map(|topic| Step::one(Fault::Poison(topic, 16)))
                .into(),
            Self::Redrive => vec![
                Step::one(Fault::Poison(Topic::Notifications, 8)),
                Step::one(Fault::Redrive(Topic::Notifications)),
            ],
            Self::ManyWorkers => vec![Step::one(Fault::Storm(3, ms(5000)))],
        }
    }
}

/// Every bug, in the order of an event's way.
pub const BUGS: &[Bug] = &[
    bug(
        "answer_before_commit",
        "todo-api answers 201 before the task is committed",
        Trouble::ApiDiesInTheMiddle,
        &["kept"],
    ),
    bug(
        "commit_is_not_on_disk",
        "a commit is acknowledged before it is on disk",
        Trouble::DatabaseDies,
        &["balance", "kept"],
    ),
    bug(
        "condition_after_write",
        "If-Match is checked after the task was changed",
        Trouble::None,
        &["asked-for"],
    ),
    bug(
        "answer_kept_apart",
        "the answer to an Idempotency-Key is kept after the commit of what it did",
        Trouble::ApiDiesInTheMiddle,
        // Done and called not done, or done again.
        &["done-once", "asked-for"],
    ),
    bug(
        "shutdown_does_not_drain",
        "a service that is asked to leave leaves at once",
        Trouble::ApiLeavesInTheMiddle,
        &["orderly"],
    ),
    bug(
        "sent_without_answer",
        "a row counts as sent without the broker's answer",
        Trouble::ApiDiesWithoutKafka,
        &["kept"],
    ),
    bug(
        "relay_skips_by_id",
        "the relay reads rows with an id above the last",
        Trouble::None,
        &["kept"],
    ),
    bug(
        "retry_reorders",
        "what waited for the broker is sent newest first",
        Trouble::KafkaPauses,
        &["order"],
    ),
    bug(
        "drop_on_full_queue",
        "a message is dropped when the producer's queue is full",
        Trouble::KafkaPauses,
        &["kept"],
    ),
    bug(
        "acks_none",
        "the producer does not ask for acknowledgements",
        Trouble::KafkaDies,
        &["kept"],
    ),
    bug(
        "offset_before_effect",
        "offsets move on before the effect",
        Trouble::WorkerDiesWaiting,
        &["balance"],
    ),
    bug(
        "inbox_not_atomic",
        "the inbox row is committed before the effect",
        Trouble::WorkerDiesInTheMiddle,
        &["tickets"],
    ),
    bug(
        "duplicate_without_inbox",
        "the inbox is written and not asked",
        Trouble::Duplicates,
        &["once"],
    ),
    bug(
        "dead_letter_dropped",
        "what cannot be processed is skipped in silence",
        Trouble::Poison,
        &["letters"],
    ),
    bug(
        "redrive_deletes_first",
        "a dead letter is deleted before it is sent back",
        Trouble::Redrive,
        &["letters"],
    ),
    bug(
        "claim_without_lock",
        "reminders are claimed without a lock",
        Trouble::ManyWorkers,
        &["reminders"],
    ),
    bug(
        "published_before_commit",
        "a notification is published before the reminder is marked",
        Trouble::WorkerDiesInTheMiddle,
        &["reminders"],
    ),
    bug(
        "marked_before_publishing",
        "a reminder is marked before its notification is written",
        Trouble::WorkerDiesInTheMiddle,
        &["reminders"],
    ),
];

const fn bug(
    name: &'static str,
    what: &'static str,
    trouble: Trouble,
    caught_by: &'static [&'static str],
) -> Bug {
    Bug {
        name,
        what,
        trouble,
        caught_by,
    }
}
