//! `chat.replies.v1`: what customers are answered, on the channel they wrote by.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Channel, Contract, Event, Priority};
use crate::topics::Topic;

/// A customer is answered.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The reply: the same in every delivery of it.
    pub id: Uuid,
    /// The message that it answers.
    pub in_reply_to: Uuid,
    /// The ticket that the message belongs to.
    pub ticket_id: Uuid,
    /// What that ticket is called among people.
    pub ticket_number: i64,
    /// Whether the message opened the ticket.
    pub opened: bool,
    /// How urgent the ticket is now.
    pub priority: Priority,
    /// Whose ticket it is.
    pub customer_id: Uuid,
    /// How it is to be sent.
    pub channel: Channel,
    /// To whom, as the channel named the sender.
    pub handle: String,
    /// What is said.
    pub text: String,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

impl Reply {
    const TYPE: &'static str = "chat.reply.created.v1";
}

/// Without handle and text, so that none gets into a log by way of this.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("id", &self.id)
            .field("in_reply_to", &self.in_reply_to)
            .field("ticket_id", &self.ticket_id)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

impl Event for Reply {
    fn topic(&self) -> Topic {
        Topic::ChatReplies
    }

    /// The ticket: it stays the same when customers turn out to be one.
    fn key(&self) -> String {
        self.ticket_id.to_string()
    }

    fn event_type(&self) -> &'static str {
        Self::TYPE
    }

    fn source(&self) -> &'static str {
        "/glasshouse/event-worker"
    }
}

impl Contract for Reply {
    const TYPES: &'static [&'static str] = &[Self::TYPE];

    fn matches(&self, _event_type: &str) -> bool {
        true
    }
}
