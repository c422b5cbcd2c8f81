//! Steps that are a request of HTTP.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::template::{Json, Template};
use super::values::Share;

/// Each has a target, a request line and headers, and what is its own.
macro_rules! requests {
    ($($(#[$about:meta])* pub struct $name:ident { $($own:tt)* })+) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The target, by name.
            pub target: String,
            /// Method and path: `GET /v1/tasks?limit=20`.
            pub request: RequestLine,
            /// Headers, beside those of the journey.
            #[serde(default)]
            pub headers: BTreeMap<String, Template>,
            $($own)*
        }

        impl $name {
            pub(super) fn asks(&self) -> Asks<'_> {
                Asks {
                    target: &self.target,
                    line: &self.request,
                    headers: &self.headers,
                }
            }
        }
    )+};
}

requests! {
    /// A request of HTTP.
    pub struct Http {
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

    /// A request whose answer is `text/event-stream`. Rows beside its own:
    /// `<name>.first`, from when it was meant to go to the first event, and
    /// `<name>.between`, from each event to the next.
    pub struct Sse {
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

    /// A form with files, `multipart/form-data`.
    pub struct Upload {
        /// Fields that are no files.
        #[serde(default)]
        pub fields: BTreeMap<String, Template>,
        /// The files.
        pub files: Vec<File>,
        /// The statuses that are right; left out, all below 400.
        #[serde(default)]
        pub expect: Vec<u16>,
    }

    /// A request that is signed with HMAC-SHA256.
    pub struct Webhook {
        /// The body.
        pub json: Json,
        /// The signature.
        pub signature: Signature,
        /// The statuses that are right; left out, all below 400.
        #[serde(default)]
        pub expect: Vec<u16>,
    }
}

/// What all steps have that are a request of HTTP.
#[derive(Clone, Copy)]
pub(crate) struct Asks<'a> {
    pub(crate) target: &'a str,
    pub(crate) line: &'a RequestLine,
    pub(crate) headers: &'a BTreeMap<String, Template>,
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

fn octets() -> String {
    "application/octet-stream".to_owned()
}
