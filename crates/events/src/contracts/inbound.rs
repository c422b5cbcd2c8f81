//! `chat.inbound.v1`: what customers write to us, on any channel.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Contract, Event};
use crate::topics::Topic;

/// A customer wrote.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundMessage {
    /// The message: the same in every delivery of it.
    pub id: Uuid,
    /// How it came.
    pub channel: Channel,
    /// Who sent it, as the channel says: account, address or number.
    pub handle: String,
    /// Other handles of the sender.
    #[serde(default)]
    pub also_known_as: Vec<Alias>,
    /// What it is about, where the channel has that.
    #[serde(default)]
    pub subject: Option<String>,
    /// What was written.
    pub text: String,
    /// When the channel took it.
    pub received_at: DateTime<Utc>,
}

/// Another handle of a sender.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// What kind of handle it is.
    pub kind: HandleKind,
    /// The handle.
    pub handle: String,
    /// Whether the channel vouches for it (the address of a signed-in account), or
    /// the sender just says so (the address typed into a form).
    #[serde(default)]
    pub verified: bool,
}

/// How a message came, and how it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The chat on a web page.
    Web,
    /// E-mail.
    Email,
    /// WhatsApp.
    Whatsapp,
    /// Text messages.
    Sms,
}

/// What kind of name a handle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandleKind {
    /// An account or visitor of the web page.
    Web,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 4] = [Self::Web, Self::Email, Self::Whatsapp, Self::Sms];

    /// Its name, in events and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Email => "email",
            Self::Whatsapp => "whatsapp",
            Self::Sms => "sms",
        }
    }

    /// What its senders are known by. WhatsApp and text messages share the number.
    pub const fn handle_kind(self) -> HandleKind {
        match self {
            Self::Web => HandleKind::Web,
            Self::Email => HandleKind::Email,
            Self::Whatsapp | Self::Sms => HandleKind::Phone,
        }
    }
}

impl HandleKind {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }
}

impl InboundMessage {
    const TYPE: &'static str = "chat.inbound.received.v1";
}

/// Without handles and text, so that none gets into a log by way of this.
impl fmt::Debug for InboundMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundMessage")
            .field("id", &self.id)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alias")
            .field("kind", &self.kind)
            .field("verified", &self.verified)
            .finish_non_exhaustive()
    }
}

impl Event for InboundMessage {
    fn topic(&self) -> Topic {
        Topic::ChatInbound
    }

    fn key(&self) -> String {
        self.handle.clone()
    }

    fn event_type(&self) -> &'static str {
        Self::TYPE
    }

    fn source(&self) -> &'static str {
        "/glasshouse/chat-gateway"
    }
}

impl Contract for InboundMessage {
    const TYPES: &'static [&'static str] = &[Self::TYPE];

    fn matches(&self, _event_type: &str) -> bool {
        true
    }
}
