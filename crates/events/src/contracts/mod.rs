//! The events that services exchange: one type for each family, with the topic,
//! the key and the versioned CloudEvents types that go with it.
//!
//! A body is read tolerantly (unknown fields are ignored), so that a producer
//! may add a field before its consumers know it: a new minor version. Anything
//! else is a new version of the type. A type or version that a consumer does not
//! know becomes a dead letter there, to be sent back once it does: so consumers
//! are renewed before producers.
//!
//! Each type has a JSON schema in `schemas/`, which what is produced is held
//! against in tests.

mod inbound;
mod notification;
mod reply;
mod task;

pub use inbound::{Alias, Channel, HandleKind, InboundMessage};
pub use notification::Notification;
pub use reply::Reply;
pub use task::{
    Change, Priority, ReminderSnapshot, SeriesSnapshot, Status, TaskEvent, TaskSnapshot,
};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::topics::Topic;

/// An event that can be published.
pub trait Event: Serialize {
    /// Where it goes.
    fn topic(&self) -> Topic;
    /// What keeps its order: events with the same key stay in order.
    fn key(&self) -> String;
    /// The versioned CloudEvents type, such as `todo.task.created.v1`.
    fn event_type(&self) -> &'static str;
    /// The CloudEvents source: the service that it comes from.
    fn source(&self) -> &'static str;
}

/// An event that can be read back from its type and body.
pub trait Contract: DeserializeOwned {
    /// The types this contract reads.
    const TYPES: &'static [&'static str];

    /// Whether a body that parsed fits the type in its header.
    fn matches(&self, event_type: &str) -> bool;
}

/// Why an event could not be read. The display names no content of the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// No contract knows this type.
    #[error("no contract reads the type {0:?}")]
    UnknownType(String),
    /// The family is known, in another version.
    #[error("the type {0:?} is of a version that is not read here")]
    UnsupportedVersion(String),
    /// The body is not JSON, or not of this contract's shape.
    #[error("the body does not fit the type (line {line}, column {column}: {category})")]
    MalformedBody {
        /// Where parsing stopped.
        line: usize,
        /// Where parsing stopped.
        column: usize,
        /// `syntax`, `data`, `eof` or `io`.
        category: &'static str,
    },
    /// The body says something else than the type in the header.
    #[error("the body contradicts the type {0:?}")]
    Contradiction(String),
}

impl ContractError {
    /// A bounded name: the dead letter's cause and the metric's label.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::UnknownType(_) => "unknown_type",
            Self::UnsupportedVersion(_) => "unsupported_version",
            Self::MalformedBody { .. } | Self::Contradiction(_) => "malformed_body",
        }
    }
}

/// Reads an event of contract `T`.
pub fn decode<T: Contract>(event_type: &str, body: &[u8]) -> Result<T, ContractError> {
    if !T::TYPES.contains(&event_type) {
        return Err(unknown(T::TYPES, event_type));
    }
    let event: T = serde_json::from_slice(body).map_err(|error| ContractError::MalformedBody {
        line: error.line(),
        column: error.column(),
        category: match error.classify() {
            serde_json::error::Category::Io => "io",
            serde_json::error::Category::Syntax => "syntax",
            serde_json::error::Category::Data => "data",
            serde_json::error::Category::Eof => "eof",
        },
    })?;
    if !event.matches(event_type) {
        return Err(ContractError::Contradiction(event_type.to_owned()));
    }
    Ok(event)
}

fn unknown(types: &[&str], event_type: &str) -> ContractError {
    let family = |name: &str| {
        name.rsplit_once(".v")
            .filter(|(_, version)| version.parse::<u16>().is_ok())
            .map(|(family, _)| family.to_owned())
    };
    let known = family(event_type)
        .is_some_and(|wanted| types.iter().any(|t| family(t).as_ref() == Some(&wanted)));
    if known {
        ContractError::UnsupportedVersion(event_type.to_owned())
    } else {
        ContractError::UnknownType(event_type.to_owned())
    }
}
