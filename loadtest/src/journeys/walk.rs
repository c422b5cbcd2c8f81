//! One journey: its steps in order, each with the values that those before it have
//! captured.

mod exchange;
mod frames;
mod produce;
mod stream;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::session::{Session, nanoseconds};
use super::variables::Variables;
use crate::failure::Failure;
use crate::protocol::websocket::Socket;
use crate::scenario::{Action, Fill, Json, Scope, Template};
use crate::script::{Journey, Planned};

use exchange::Text;

/// A step did not do what it should: the journey ends here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken(pub(crate) String);

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self(failure.to_string())
    }
}

/// Somebody on a journey.
pub(crate) struct Walk {
    session: Rc<Session>,
    random: StdRng,
    known: Known,
    socket: Option<Socket>,
}

/// What the templates of a journey may name.
struct Known {
    session: Rc<Session>,
    /// One of the worker's users.
    user: Option<usize>,
    /// `user.…`, copied: a renewal may change it meanwhile.
    of_user: Variables,
    own: Variables,
}

impl Scope for Known {
    fn value(&self, name: &str) -> Option<&str> {
        match name.strip_prefix("user.") {
            Some(name) => self.of_user.get(name),
            None => self
                .own
                .get(name)
                .or_else(|| self.session.globals.get(name)),
        }
    }
}

impl Walk {
    /// The `n`-th journey of a run. Its data depends on that and the seed only, and
    /// not on the worker.
    pub(crate) fn new(session: &Rc<Session>, n: u64, user: Option<usize>) -> Self {
        let mut own = Variables::default();
        own.set("n", n.to_string());
        own.set("i", "0".to_owned());
        let of_user = user.map(|user| session.users[user].borrow().clone());
        Self {
            random: random(session.scenario.seed, n),
            known: Known {
                session: Rc::clone(session),
                user,
                of_user: of_user.unwrap_or_default(),
                own,
            },
            session: Rc::clone(session),
            socket: None,
        }
    }

    /// What it has captured.
    pub(crate) fn captured(self) -> Variables {
        self.known.own
    }

    /// The whole of a journey that was meant to begin at `meant`.
    pub(crate) async fn whole(&mut self, journey: &Journey, meant: u64) {
        let began = self.session.now();
        self.make(&journey.data);
        if self
            .steps(&journey.steps, Some(journey), Some(meant))
            .await
            .is_ok()
        {
            let ended = self.session.now();
            self.session.row(journey.row, |row| {
                row.took(ended.saturating_sub(meant), ended.saturating_sub(began));
                row.replied(0);
            });
        }
    }

    /// Makes values, before the first step.
    pub(crate) fn make(&mut self, data: &BTreeMap<String, Template>) {
        for (name, value) in data {
            // A scenario is checked when it is read: data names only what is there.
            if let Ok(value) = self.fill(value) {
                self.known.own.set(name, value);
            }
        }
    }

    /// Steps, the first of which is meant to go at `meant`, or now.
    pub(crate) async fn steps(
        &mut self,
        steps: &[Planned],
        journey: Option<&Journey>,
        mut meant: Option<u64>,
    ) -> Result<(), Broken> {
        let mut first = true;
        for planned in steps {
            for i in 0..planned.step.repeat {
                if let Some(chance) = planned.step.chance
                    && !self.random.random_bool(chance.0)
                {
                    continue;
                }
                if planned.step.repeat > 1 {
                    self.known.own.set("i", i.to_string());
                }
                if let Action::Pause(pause) = planned.action() {
                    let pause = pause.draw(&mut self.random);
                    self.wait(pause).await;
                    continue;
                }
                if let (Some(think), false) = (journey.and_then(|journey| journey.think), first) {
                    let pause = think.draw(&mut self.random);
                    self.wait(pause).await;
                }
                first = false;
                let meant = meant.take().unwrap_or_else(|| self.session.now());
                let headers = journey.map(|journey| &journey.headers);
                self.step(planned, headers, meant).await?;
            }
        }
        Ok(())
    }

    /// A pause, and by how much it was too long.
    async fn wait(&mut self, pause: Duration) {
        let until = self.session.now() + nanoseconds(pause);
        tokio::time::sleep(pause).await;
        let late = self.session.now().saturating_sub(until);
        self.session
            .record
            .borrow_mut()
            .lateness
            .saturating_record(late);
    }

    async fn step(
        &mut self,
        planned: &Planned,
        headers: Option<&BTreeMap<String, Template>>,
        meant: u64,
    ) -> Result<(), Broken> {
        let done = match planned.action() {
            Action::Http(step) => {
                let body = match (&step.json, &step.body) {
                    (Some(json), _) => Some(self.json(json)),
                    (None, Some(body)) => Some(self.fill(body).map(|body| (body, None))),
                    (None, None) => None,
                };
                let request = self.request(&step.request, [headers, Some(&step.headers)], body);
                let expects = |status| step.expects(status);
                match request {
                    Ok(request) => {
                        self.exchange(planned, &step.target, request, &expects, meant)
                            .await
                    }
                    Err(failure) => Err(failure),
                }
            }
            Action::Upload(step) => self.upload(planned, step, headers, meant).await,
            Action::Webhook(step) => self.webhook(planned, step, headers, meant).await,
            Action::Sse(step) => self.stream(planned, step, headers, meant).await,
            Action::Websocket(step) => self.talk(planned, step, meant).await,
            Action::Kafka(step) => self.produce(planned, step, meant).await,
            Action::Fanout(step) => self.say(planned, step, meant).await,
            Action::Pause(_) => return Ok(()),
        };
        done.map_err(|failure| {
            if let Some(failure) = failure.counted {
                self.session.row(planned.row, |row| row.failed(failure));
            }
            Broken(failure.why)
        })
    }

    fn fill(&mut self, template: &Template) -> Result<String, Trouble> {
        let from = &mut Fill {
            scope: &self.known,
            random: &mut self.random,
        };
        template.fill(from).map_err(Trouble::value)
    }

    fn json(&mut self, json: &Json) -> Result<Text, Trouble> {
        let from = &mut Fill {
            scope: &self.known,
            random: &mut self.random,
        };
        let body = json.fill(from).map_err(Trouble::value)?;
        Ok((body, Some("application/json")))
    }

    /// The user's own values are replaced by what was captured.
    pub(crate) fn renew_user(&self) {
        if let Some(user) = self.known.user {
            let mut user = self.session.users[user].borrow_mut();
            for (name, value) in self.known.own.all() {
                user.set(name, value.to_owned());
            }
        }
    }
}

/// Why a step did not do what it should.
struct Trouble {
    /// To be written down; what is an answer has been already.
    counted: Option<Failure>,
    why: String,
}

impl Trouble {
    fn counted(failure: Failure, what: &str) -> Self {
        Self {
            counted: Some(failure),
            why: format!("{what}: {failure}"),
        }
    }

    fn value(name: String) -> Self {
        Self {
            counted: Some(Failure::Value),
            why: format!("{name}: {}", Failure::Value),
        }
    }
}

/// The generator of the `n`-th journey.
pub(crate) fn random(seed: u64, n: u64) -> StdRng {
    // Neighbouring numbers must not have neighbouring generators.
    StdRng::seed_from_u64(seed ^ n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}
