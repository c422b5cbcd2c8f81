//! Scenarios: who does what, how often, and what must hold. Written as YAML,
//! checked before anything is sent.

mod builtin;
mod check;
mod error;
mod request;
mod step;
mod template;
mod threshold;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

pub use builtin::{BUILTIN, Builtin};
pub use error::ScenarioError;
pub(crate) use request::expects;
pub use request::{File, Http, RequestLine, Scheme, Signature, Sse, Upload, Webhook};
pub(crate) use step::Action;
pub use step::{Capture, Effect, Fanout, Kafka, Pattern, Step, Websocket};
pub use template::{Conditions, Json, Template};
pub(crate) use template::{Fill, Filled, Scope};
pub(crate) use threshold::Measured;
pub use threshold::Threshold;
pub use values::{Pause, Rate, Share, Span};

/// A scenario: weighted journeys of users, when they begin, and what must hold.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name in reports.
    pub name: String,
    /// What it is for, in a sentence.
    pub about: String,
    /// What the steps' targets are where they are not told otherwise:
    /// `http://host:port`, or `host:port` of a Kafka broker.
    #[serde(default)]
    pub targets: BTreeMap<String, String>,
    /// Values that every template may name, where they are not set otherwise.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// Accounts that are signed up before the first arrival.
    #[serde(default)]
    pub users: Option<Users>,
    /// Done once before the first arrival, as the first user. What is captured
    /// here, every journey knows.
    #[serde(default)]
    #[schemars(with = "Vec<Step>")]
    pub setup: Vec<Spanned<Step>>,
    /// Sockets that are opened before the first arrival and kept open: who hears
    /// what the `fanout` steps say.
    #[serde(default)]
    pub sockets: Option<Sockets>,
    /// What users do. Each arrival begins one of these.
    #[schemars(with = "Vec<Journey>")]
    pub journeys: Vec<Spanned<Journey>>,
    /// When journeys begin: one phase after the other.
    #[serde(default)]
    #[schemars(with = "Vec<Phase>")]
    pub phases: Vec<Spanned<Phase>>,
    /// In place of phases: higher rates until a threshold breaks.
    #[serde(default)]
    pub breakpoint: Option<Search>,
    /// What must hold: `p95 < 500ms`, `create p99 < 1s`, `errors < 1%`,
    /// `lateness p99 < 5ms`, `rate > 50`.
    #[serde(default)]
    #[schemars(with = "Vec<Threshold>")]
    pub thresholds: Vec<Spanned<Threshold>>,
    /// When to give up early, looked at each second over the last five: written
    /// as thresholds are, and met when one of them is true.
    #[serde(default)]
    #[schemars(with = "Vec<Threshold>")]
    pub stop_when: Vec<Spanned<Threshold>>,
    /// An exchange that takes longer is given up.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// Connections of HTTP at most, to each target.
    #[serde(default = "default_connections")]
    pub connections: usize,
    /// Journeys under way at most. Those beyond it are counted as unsent, and the
    /// run is invalid.
    #[serde(default = "default_at_once")]
    pub at_once: usize,
    /// The generator's own lateness at p99, beyond which the run is invalid.
    #[serde(default = "default_lateness")]
    pub max_lateness: Span,
    /// What random arrivals, choices and data start from.
    #[serde(default = "default_seed")]
    pub seed: u64,
}

/// Accounts for a run.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Users {
    /// How many.
    #[schemars(range(min = 1))]
    pub count: usize,
    /// Values that are made once for each, before the sign-up: `user.…` in journeys.
    #[serde(default)]
    pub data: BTreeMap<String, Template>,
    /// Done once for each. What is captured here is `user.…` in journeys. Left
    /// out: an account of Glasshouse.
    #[serde(default)]
    #[schemars(with = "Vec<Step>")]
    pub sign_up: Vec<Spanned<Step>>,
    /// Done again and again for each; its captures replace those of the sign-up.
    #[serde(default)]
    pub renew: Option<Renewal>,
}

/// How tokens are renewed that do not last as long as the run.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Renewal {
    /// How often.
    pub every: Span,
    /// What is done.
    #[schemars(with = "Vec<Step>")]
    pub steps: Vec<Spanned<Step>>,
}

/// Sockets that stay open.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sockets {
    /// How many, shared out evenly over users and rooms.
    #[schemars(range(min = 1))]
    pub count: usize,
    /// Rooms; `room` is the number of one in templates.
    #[schemars(range(min = 1))]
    pub rooms: usize,
    /// The target, by name.
    pub target: String,
    /// The path.
    pub path: Template,
    /// Offered subprotocols.
    #[serde(default)]
    pub protocols: Vec<Template>,
    /// The frame that says that the socket may be used.
    #[serde(default)]
    pub ready: Option<Conditions>,
    /// Sent then, to enter the room.
    #[serde(default)]
    pub join: Option<Json>,
    /// The frame that says that the room was entered.
    #[serde(default)]
    pub joined: Option<Conditions>,
}

/// What a user does, from an arrival to its end.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Journey {
    /// Its name; the whole journey is a row of that name.
    pub name: String,
    /// Its share among the journeys.
    #[serde(default = "default_weight")]
    #[schemars(range(min = 0))]
    pub weight: f64,
    /// Headers of all its HTTP steps.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// Values that are made once, when it begins.
    #[serde(default)]
    pub data: BTreeMap<String, Template>,
    /// A pause between any two steps: `1s`, or `500ms - 3s` for any time between.
    #[serde(default)]
    pub think: Option<Pause>,
    /// One after the other; a step that fails ends the journey.
    #[schemars(with = "Vec<Step>")]
    pub steps: Vec<Spanned<Step>>,
}

/// A stretch of the run.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// How long.
    pub duration: Span,
    /// Open loop, journeys a second: `20`, `ramp:1-50`, `step:10,20,40`,
    /// `spike:10-200`, `sine:5-50x2`.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// Arrivals at equal gaps, or as independent people come.
    #[serde(default)]
    pub spacing: Gaps,
    /// Closed loop, in place of a rate: so many users, each of whom begins again
    /// when done. Its latencies hide whatever a stall kept from being sent.
    #[serde(default)]
    pub closed: Option<usize>,
}

/// The spacing of arrivals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gaps {
    /// At equal gaps.
    Even,
    /// A Poisson process.
    #[default]
    Poisson,
}

/// A search for the highest rate at which every threshold holds.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// The first rate, in journeys a second.
    pub from: f64,
    /// The last.
    pub to: f64,
    /// How much higher each is than the one before, as a factor.
    pub factor: f64,
    /// How long each is held.
    pub each: Span,
}

impl Scenario {
    /// Reads and checks a scenario. `origin` is what errors call it.
    ///
    /// # Errors
    /// With line and column, if it is not one.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ScenarioError> {
        let mut scenario: Self =
            serde_saphyr::from_str(text).map_err(|error| ScenarioError::of(&error, origin))?;
        if let Some(users) = &mut scenario.users
            && users.sign_up.is_empty()
        {
            let usual = builtin::sign_up();
            users.sign_up = usual.sign_up;
            users.data.extend(usual.data);
            users.renew = users.renew.take().or(usual.renew);
        }
        check::check(&scenario).map_err(|(at, why)| ScenarioError::at(at, why, origin))?;
        Ok(scenario)
    }

    /// Every step there is.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        let users = self.users.iter();
        let renew = self.users.iter().flat_map(|users| &users.renew);
        let all = users
            .flat_map(|users| &users.sign_up)
            .chain(renew.flat_map(|renew| &renew.steps));
        let all = all.chain(&self.setup);
        let all = all.chain(
            self.journeys
                .iter()
                .flat_map(|journey| &journey.value.steps),
        );
        all.map(|step| &step.value)
    }

    /// The names of the targets that are used.
    pub(crate) fn used_targets(&self) -> BTreeSet<String> {
        let of_steps = self.steps().filter_map(|step| match step.action()? {
            Action::Websocket(step) => step.open.as_deref(),
            Action::Kafka(step) => Some(step.target.as_str()),
            action => action.asks().map(|request| request.target),
        });
        of_steps
            .chain(self.sockets.iter().map(|sockets| &*sockets.target))
            .map(str::to_owned)
            .collect()
    }

    /// How long it sends, if nothing stops it.
    #[must_use]
    pub fn planned(&self) -> std::time::Duration {
        self.phases.iter().map(|phase| phase.value.duration.0).sum()
    }
}

/// The JSON schema of a scenario, for editors and other programs.
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Scenario).to_value()
}

fn default_timeout() -> Span {
    Span::seconds(10)
}

const fn default_connections() -> usize {
    256
}

const fn default_at_once() -> usize {
    10_000
}

fn default_lateness() -> Span {
    Span(std::time::Duration::from_millis(5))
}

const fn default_seed() -> u64 {
    1
}

const fn default_weight() -> f64 {
    1.0
}
