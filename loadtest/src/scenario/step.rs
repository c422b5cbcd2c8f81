//! What one step of a journey may be.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::request::{Asks, Http, Sse, Upload, Webhook};
use super::template::{Conditions, Json, Template};
use super::values::{Pause, Share, Span};

/// One thing a user does: exactly one of `http`, `websocket`, `sse`, `kafka`,
/// `upload`, `webhook`, `fanout` and `pause`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The row it is counted in; steps of the same name share one. A pause needs
    /// none.
    #[serde(default)]
    pub name: String,
    /// A request and its answer.
    #[serde(default)]
    pub http: Option<Http>,
    /// The journey's own socket: open it, send a frame, wait for one, close it.
    #[serde(default)]
    pub websocket: Option<Websocket>,
    /// A request whose answer is a stream of events.
    #[serde(default)]
    pub sse: Option<Sse>,
    /// A message to a topic, and what comes of it on another.
    #[serde(default)]
    pub kafka: Option<Kafka>,
    /// A form with files.
    #[serde(default)]
    pub upload: Option<Upload>,
    /// A request that is signed with a shared secret.
    #[serde(default)]
    pub webhook: Option<Webhook>,
    /// A frame on one of the sockets that are kept open, heard by all of its room.
    #[serde(default)]
    pub fanout: Option<Fanout>,
    /// Time that passes.
    #[serde(default)]
    pub pause: Option<Pause>,
    /// Values taken from the answer, or from the frame that was waited for.
    #[serde(default)]
    pub capture: BTreeMap<String, Capture>,
    /// How many of the journeys do this at all.
    #[serde(default)]
    pub chance: Option<Share>,
    /// How often it is done; `i` counts from zero.
    #[serde(default = "once")]
    #[schemars(range(min = 1))]
    pub repeat: u32,
}

/// What a step does, when it does one thing.
pub(crate) enum Action<'a> {
    Http(&'a Http),
    Websocket(&'a Websocket),
    Sse(&'a Sse),
    Kafka(&'a Kafka),
    Upload(&'a Upload),
    Webhook(&'a Webhook),
    Fanout(&'a Fanout),
    Pause(Pause),
}

impl Step {
    /// The one thing it does; `None` if there is not exactly one.
    pub(crate) fn action(&self) -> Option<Action<'_>> {
        let mut all = [
            self.http.as_ref().map(Action::Http),
            self.websocket.as_ref().map(Action::Websocket),
            self.sse.as_ref().map(Action::Sse),
            self.kafka.as_ref().map(Action::Kafka),
            self.upload.as_ref().map(Action::Upload),
            self.webhook.as_ref().map(Action::Webhook),
            self.fanout.as_ref().map(Action::Fanout),
            self.pause.map(Action::Pause),
        ]
        .into_iter()
        .flatten();
        let one = all.next()?;
        all.next().is_none().then_some(one)
    }
}

impl<'a> Action<'a> {
    /// The request that it is, if it is one of HTTP.
    pub(crate) fn asks(&self) -> Option<Asks<'a>> {
        match self {
            Self::Http(step) => Some(step.asks()),
            Self::Sse(step) => Some(step.asks()),
            Self::Upload(step) => Some(step.asks()),
            Self::Webhook(step) => Some(step.asks()),
            Self::Websocket(_) | Self::Kafka(_) | Self::Fanout(_) | Self::Pause(_) => None,
        }
    }
}

/// What is done on the journey's socket: in this order.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Websocket {
    /// Open it: the target, by name.
    pub open: Option<String>,
    /// The path to open.
    pub path: Option<Template>,
    /// Offered subprotocols.
    pub protocols: Vec<Template>,
    /// Send this frame.
    pub send: Option<Json>,
    /// Wait for a frame that has these values; others are passed over.
    pub until: Option<Conditions>,
    /// Close it.
    pub close: bool,
}

/// A message to Kafka. Its row is from when it was meant to go to the broker's
/// acknowledgement; `<name>.effect` is from when it was meant to go until its
/// effect was seen.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    /// The target, by name.
    pub target: String,
    /// The topic.
    pub topic: Template,
    /// The key.
    #[serde(default)]
    pub key: Option<Template>,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// The body.
    pub json: Json,
    /// What comes of it.
    #[serde(default)]
    pub effect: Option<Effect>,
}

/// A message on a topic that shows that another one was worked on.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// The topic: the same for the whole run, so its template names what every
    /// journey knows.
    pub topic: Template,
    /// Where in its body, which is JSON, the value is that tells it apart.
    pub pointer: String,
    /// The value.
    pub equals: Template,
    /// After this long there was none.
    #[serde(default)]
    pub within: Option<Span>,
}

/// A frame that is sent on a socket of a room. Its row has a latency for each
/// socket of the room: from when it was meant to go until it was heard there.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fanout {
    /// The frame; `id` is an id of its own, `room` the number of the room.
    pub send: Json,
    /// What a frame has that delivers it. One of the values must hold `{{id}}`.
    pub heard: Conditions,
}

/// Where a value is found: one of these.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Capture {
    /// A JSON pointer into the body.
    pub json: Option<String>,
    /// A header.
    pub header: Option<String>,
    /// A regular expression on the body; its first group, or all of it.
    pub regex: Option<Pattern>,
}

/// A regular expression, compiled once.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(pub(crate) regex::Regex);

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        regex::Regex::new(&text)
            .map(Self)
            .map_err(|error| error.to_string())
    }
}

impl JsonSchema for Pattern {
    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "regex"})
    }
}

const fn once() -> u32 {
    1
}
