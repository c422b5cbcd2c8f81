//! Writes tasks, one request after the other. What it does follows from its
//! seed, and from what became of its earlier writes.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Ask;
use super::task::Live;
use crate::fault::Service;
use crate::ledger::{Answer, Change, Ledger, Write};
use crate::pace::Pace;
use crate::world::{User, World};

/// Tasks that a writer has in hand.
const SLOTS: usize = 6;

/// One of several.
pub struct Writer {
    world: Arc<World>,
    ledger: Arc<Ledger>,
    pace: Arc<Pace>,
    random: SmallRng,
    user: User,
    other: User,
    slots: [Option<Live>; SLOTS],
    name: u64,
    sent: u64,
}

/// A write that is about to be sent.
struct Intent {
    change: Change,
    live: Option<Live>,
    title: Option<String>,
    remind_at: Option<DateTime<Utc>>,
    body: Option<Value>,
    if_match: Option<i64>,
    improper: Option<Impropriety>,
}

/// Why a write must be refused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Impropriety {
    /// A field that will not do.
    Invalid,
    /// It names a version that the task is not at.
    OldVersion,
    /// The task is somebody else's.
    Foreign,
    /// Nobody signed it.
    Unsigned,
}

impl Writer {
    /// The writer of this number.
    pub fn new(
        world: Arc<World>,
        ledger: Arc<Ledger>,
        pace: Arc<Pace>,
        seed: u64,
        number: u64,
    ) -> Self {
        let of = |n: u64| world.users[n as usize % world.users.len()].clone();
        Self {
            user: of(number),
            other: of(number + 1),
            random: SmallRng::seed_from_u64(
                seed ^ (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            ),
            world,
            ledger,
            pace,
            slots: [None; SLOTS],
            name: number,
            sent: 0,
        }
    }

    /// Writes until it is enough.
    pub async fn run(mut self) {
        while self.pace.turn().await {
            let slot = self.random.random_range(0..SLOTS);
            let intent = self.intend(slot);
            let improper = intent.improper.is_some();
            let write = self.send(intent).await;
            if !improper {
                self.learn(slot, &write);
            }
            let pause = match &write.answer {
                Answer::Acknowledged(_) => {
                    self.pace.count();
                    Duration::ZERO
                }
                Answer::Refused {
                    status: 400..500, ..
                } => Duration::ZERO,
                _ => Duration::from_millis(self.random.random_range(50..250)),
            };
            self.ledger.write(write);
            tokio::time::sleep(pause).await;
        }
    }

    fn intend(&mut self, slot: usize) -> Intent {
        let title = format!("w{}-{}", self.name, self.sent);
        let live = self.slots[slot];
        let roll = self.random.random_range(0..100);
        let mut intent = match live {
            None => self.create(title),
            Some(_) if roll < 14 => {
                // Left as it is: its reminder is to fire.
                self.slots[slot] = None;
                self.create(title)
            }
            Some(live) if roll < 60 => self.update(live, title),
            Some(live) if roll < 88 => Intent {
                change: if live.completed {
                    Change::Reopen
                } else {
                    Change::Complete
                },
                ..Intent::on(live, Change::Complete)
            },
            Some(live) => Intent::on(live, Change::Delete),
        };
        if self.random.random_bool(0.4) {
            intent.if_match = intent.live.map(|live| live.version);
        }
        if self.random.random_bool(0.08) {
            self.spoil(&mut intent);
        }
        intent
    }

    fn create(&mut self, title: String) -> Intent {
        let remind_at = self.random.random_bool(0.7).then(|| self.soon());
        Intent {
            body: Some(json!({
                "title": title,
                "tags": ["chaos"],
                "reminders": reminders(remind_at),
            })),
            title: Some(title),
            remind_at,
            change: Change::Create,
            live: None,
            if_match: None,
            improper: None,
        }
    }

    fn update(&mut self, live: Live, title: String) -> Intent {
        let remind_at = self.random.random_bool(0.3).then(|| self.soon());
        let mut body = json!({ "title": title });
        if let Some(remind_at) = remind_at {
            body["reminders"] = reminders(Some(remind_at));
        }
        Intent {
            body: Some(body),
            title: Some(title),
            remind_at,
            ..Intent::on(live, Change::Update)
        }
    }

    fn soon(&mut self) -> DateTime<Utc> {
        let delay = TimeDelta::milliseconds(self.random.random_range(1000..6000));
        // As precise as the database keeps it.
        (Utc::now() + delay).trunc_subsecs(3)
    }

    /// Makes it one that must be refused.
    fn spoil(&mut self, intent: &mut Intent) {
        use Impropriety::{Foreign, Invalid, OldVersion, Unsigned};
        let kinds: &[Impropriety] = match (intent.live, intent.change) {
            (None, _) => &[Invalid, Unsigned],
            (Some(_), Change::Update) => &[Invalid, OldVersion, OldVersion, Foreign, Unsigned],
            (Some(_), _) => &[OldVersion, OldVersion, Foreign, Unsigned],
        };
        let kind = kinds[self.random.random_range(0..kinds.len())];
        if let (OldVersion, Some(live)) = (kind, intent.live) {
            intent.if_match = Some(live.version + 1_000_000);
        }
        if let (Invalid, Some(body)) = (kind, &mut intent.body) {
            body["priority"] = json!("whenever");
        }
        if kind == Foreign {
            intent.if_match = None;
        }
        intent.improper = Some(kind);
    }

    async fn send(&mut self, intent: Intent) -> Write {
        let number = self.sent;
        self.sent += 1;
        let task = intent.live.map(|live| live.id);
        let todo = self.world.node(Service::TodoApi);
        let path = task.map_or("/v1/tasks".to_owned(), |id| format!("/v1/tasks/{id}"));
        let (method, suffix) = match intent.change {
            Change::Create => (Method::POST, ""),
            Change::Update => (Method::PATCH, ""),
            Change::Complete => (Method::POST, "/complete"),
            Change::Reopen => (Method::POST, "/reopen"),
            Change::Delete => (Method::DELETE, ""),
        };
        let token = match intent.improper {
            Some(Impropriety::Foreign) => self.other.token.as_str(),
            Some(Impropriety::Unsigned) => "of.no.use",
            _ => self.user.token.as_str(),
        };
        let ask = Ask {
            method,
            url: todo.url(&format!("{path}{suffix}")),
            token,
            if_match: intent.if_match,
            body: intent.body,
        };
        let next = intent.live.map_or(1, |live| live.version + 1);
        let sent_at = Utc::now();
        let reply = ask.send(&self.world.ground.http, next).await;
        Write {
            number,
            user: self.user.id,
            change: intent.change,
            task: task.or(reply.task),
            title: intent.title,
            remind_at: intent.remind_at,
            improper: intent.improper.is_some(),
            answer: reply.answer,
            sent_at,
            answered_at: Utc::now(),
        }
    }

    fn learn(&mut self, slot: usize, write: &Write) {
        match (&write.answer, write.task) {
            (Answer::Acknowledged(version), Some(id)) => {
                let before = self.slots[slot].filter(|_| write.change != Change::Create);
                let completed = match write.change {
                    Change::Complete => true,
                    Change::Create | Change::Reopen => false,
                    _ => before.is_some_and(|live| live.completed),
                };
                let live = Live {
                    id,
                    version: *version,
                    completed,
                };
                self.slots[slot] = (write.change != Change::Delete).then_some(live);
            }
            // Nobody knows how it is: it is left alone from here on.
            (Answer::Unknown { .. }, _) => self.slots[slot] = None,
            // A refusal that was not deserved shows in the checks; to go on with
            // this task would only repeat it.
            (
                Answer::Refused {
                    status: 400..500, ..
                },
                _,
            ) => self.slots[slot] = None,
            _ => {}
        }
    }
}

/// One reminder at most, as a task's list of them.
fn reminders(at: Option<DateTime<Utc>>) -> Value {
    at.iter().map(|at| json!({ "at": at })).collect()
}

impl Intent {
    fn on(live: Live, change: Change) -> Self {
        Self {
            change,
            live: Some(live),
            title: None,
            remind_at: None,
            body: None,
            if_match: None,
            improper: None,
        }
    }
}
