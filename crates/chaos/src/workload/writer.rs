//! Writes tasks, one request after the other. What it does follows from its
//! seed, and from what became of its earlier writes.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::{Ask, not_done};
use super::rounds::next_round;
use super::task::Live;
use crate::fault::Service;
use crate::ledger::{Answer, Change, Ledger, Write};
use crate::pace::Pace;
use crate::world::{User, World};

/// Tasks that a writer has in hand.
const SLOTS: usize = 6;
/// The share of requests that change all tasks in hand.
const MANY: f64 = 0.03;
/// The share of writes that have an `Idempotency-Key`, of those that take one.
const KEYED: f64 = 0.3;

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
            if self.random.random_bool(MANY) {
                self.change_many().await;
                continue;
            }
            let slot = self.random.random_range(0..SLOTS);
            let intent = self.intend(slot);
            let improper = intent.improper.is_some();
            let write = self.send(intent).await;
            if !improper {
                self.learn(slot, &write);
            }
            self.enter(vec![write]).await;
        }
    }

    /// Enters what one request did, and waits a moment if it did not go well.
    async fn enter(&mut self, writes: Vec<Write>) {
        let mut pause = false;
        for write in writes {
            match &write.answer {
                Answer::Acknowledged(_) => self.pace.count(),
                Answer::Refused {
                    status: 400..500, ..
                } => {}
                _ => pause = true,
            }
            self.ledger.write(write);
        }
        if pause {
            let pause = Duration::from_millis(self.random.random_range(50..250));
            tokio::time::sleep(pause).await;
        }
    }

    /// Deletes all tasks in hand, or completes all that are open, by one request.
    async fn change_many(&mut self) {
        let change = match self.random.random_bool(0.2) {
            true => Change::Delete,
            false => Change::Complete,
        };
        let slots: Vec<(usize, Live)> = (self.slots.iter().enumerate())
            .filter_map(|(slot, live)| live.map(|live| (slot, live)))
            .filter(|(_, live)| change == Change::Delete || !live.completed)
            .collect();
        if slots.is_empty() {
            return;
        }
        let tasks: Vec<Value> = (slots.iter())
            .map(|(_, live)| json!({ "id": live.id, "if_match": format!("\"{}\"", live.version) }))
            .collect();
        let action = match change {
            Change::Delete => "delete",
            _ => "complete",
        };
        let key = self.key();
        let sent_at = Utc::now();
        let ask = Ask {
            method: Method::POST,
            url: self.world.node(Service::TodoApi).url("/v1/tasks/bulk"),
            token: &self.user.token,
            if_match: None,
            key,
            body: Some(json!({ "action": action, "tasks": tasks })),
        };
        let reply = ask.send(&self.world.ground.http, 0).await;
        let mut writes = Vec::with_capacity(slots.len());
        for (place, (slot, live)) in slots.into_iter().enumerate() {
            let answer = match &reply.answer {
                Answer::Acknowledged(_) => one_of(&reply.body["results"][place], live.version),
                answer => answer.clone(),
            };
            let write = Write {
                number: self.sent,
                user: self.user.id,
                change,
                task: Some(live.id),
                title: None,
                remind_at: None,
                improper: false,
                keyed: key.is_some(),
                answer,
                sent_at,
                answered_at: Utc::now(),
            };
            self.sent += 1;
            self.learn(slot, &write);
            writes.push(write);
        }
        self.enter(writes).await;
    }

    /// An `Idempotency-Key`, for some.
    fn key(&mut self) -> Option<Uuid> {
        let keyed = self.random.random_bool(KEYED);
        keyed.then(|| Uuid::from_u128(self.random.random()))
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
        let earliest = TimeDelta::milliseconds(self.random.random_range(1000..3000));
        let late = TimeDelta::milliseconds(self.random.random_range(0..300));
        // As precise as the database keeps it.
        (next_round(Utc::now() + earliest) + late).trunc_subsecs(3)
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
        // A DELETE takes none.
        let key = self.key().filter(|_| intent.change != Change::Delete);
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
            key,
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
            keyed: key.is_some(),
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

/// What a bulk answer says of one task that was at this version.
fn one_of(result: &Value, version: i64) -> Answer {
    match result["status"]
        .as_u64()
        .and_then(|it| u16::try_from(it).ok())
    {
        Some(200..300) => Answer::Acknowledged(result["version"].as_i64().unwrap_or(version + 1)),
        status => {
            let code = result["problem"]["code"].as_str().unwrap_or_default();
            not_done(status.unwrap_or_default(), code.to_owned())
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
