//! What one step of a journey may be.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

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

/// A request of HTTP.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The target, by name.
    pub target: String,
    /// Method and path: `GET /v1/tasks?limit=20`.
    pub request: RequestLine,
    /// Headers, beside those of the journey.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// A body of JSON.
    #[serde(default)]
    pub json: Option<Json>,
    /// Any other body.
    #[serde(default)]
    pub body: Option<Template>,
    /// The statuses that are right; left out, all below 400.
    #[serde(default)]
    pub expect: Vec<u16>,
}

impl Http {
    pub(crate) fn expects(&self, status: u16) -> bool {
        expects(&self.expect, status)
    }
}

pub(crate) fn expects(expected: &[u16], status: u16) -> bool {
    if expected.is_empty() {
        status < 400
    } else {
        expected.contains(&status)
    }
}

/// A method and a path.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct RequestLine {
    /// The method.
    pub method: Method,
    /// The path and query.
    pub path: Template,
}

impl TryFrom<String> for RequestLine {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no request such as GET /v1/tasks");
        let (method, path) = text.split_once(' ').ok_or_else(wrong)?;
        if !path.starts_with('/') || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(wrong());
        }
        Ok(Self {
            method: method.parse().map_err(|_| wrong())?,
            path: path.parse()?,
        })
    }
}

impl JsonSchema for RequestLine {
    fn schema_name() -> Cow<'static, str> {
        "RequestLine".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Method and path, with templates: GET /v1/tasks/{{task}}",
            "pattern": "^[A-Z]+ /"
        })
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

/// A request whose answer is `text/event-stream`. Rows beside its own:
/// `<name>.first`, from when it was meant to go to the first event, and
/// `<name>.between`, from each event to the next.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sse {
    /// The target, by name.
    pub target: String,
    /// Method and path.
    pub request: RequestLine,
    /// Headers, beside those of the journey.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// A body of JSON.
    #[serde(default)]
    pub json: Option<Json>,
    /// The data of the event that ends the stream, such as `[DONE]`; without one
    /// the server ends it.
    #[serde(default)]
    pub until: Option<String>,
    /// Hang up after so many events, as a user does who has read enough.
    #[serde(default)]
    pub cancel_after: Option<u32>,
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

/// A form with files, `multipart/form-data`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// The target, by name.
    pub target: String,
    /// Method and path.
    pub request: RequestLine,
    /// Headers, beside those of the journey.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// Fields that are no files.
    #[serde(default)]
    pub fields: BTreeMap<String, Template>,
    /// The files.
    pub files: Vec<File>,
    /// The statuses that are right; left out, all below 400.
    #[serde(default)]
    pub expect: Vec<u16>,
}

/// A file of seeded bytes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The form's field.
    pub field: String,
    /// The file's name.
    pub name: Template,
    /// The media type.
    #[serde(default = "octets")]
    pub content_type: String,
    /// How many bytes.
    #[schemars(range(max = 67_108_864))]
    pub bytes: usize,
}

/// A request that is signed with HMAC-SHA256.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The target, by name.
    pub target: String,
    /// Method and path.
    pub request: RequestLine,
    /// Headers, beside those of the journey.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// The body.
    pub json: Json,
    /// The signature.
    pub signature: Signature,
    /// The statuses that are right; left out, all below 400.
    #[serde(default)]
    pub expect: Vec<u16>,
}

/// How a webhook is signed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Which headers.
    pub scheme: Scheme,
    /// The shared secret.
    pub secret: Template,
    /// The share that is signed with another secret, and must be refused with 401
    /// or 403.
    #[serde(default)]
    pub wrong: Option<Share>,
}

/// The headers of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// `X-Hub-Signature-256: sha256=<hex>` over the body, as GitHub does.
    Github,
    /// `webhook-id`, `webhook-timestamp` and `webhook-signature: v1,<base64>` over
    /// `id.timestamp.body`, as Standard Webhooks do.
    StandardWebhooks,
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

fn octets() -> String {
    "application/octet-stream".to_owned()
}
