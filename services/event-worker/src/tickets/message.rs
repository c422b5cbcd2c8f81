//! A message whose every part is valid.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use events::consumer::HandlerError;
use events::contracts::{Channel, InboundMessage};
use uuid::Uuid;

use crate::identity::{Handle, Handles, InvalidHandle};

/// Characters of a text: more than an e-mail that somebody wrote by hand has.
const LONGEST_TEXT: usize = 50_000;
const LONGEST_SUBJECT: usize = 998;
const MOST_ALIASES: usize = 10;

/// A message of a customer.
pub(super) struct Message {
    pub id: Uuid,
    pub channel: Channel,
    /// To be answered there, as the channel named it.
    pub address: String,
    pub handles: Handles,
    pub subject: Option<String>,
    pub text: String,
    pub received_at: DateTime<Utc>,
}

/// Why a message cannot become part of a ticket. Quotes nothing of it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidMessage {
    #[error("{0}")]
    Handle(#[from] InvalidHandle),
    #[error("the text is longer than {LONGEST_TEXT} characters")]
    LongText,
    #[error("the subject is longer than {LONGEST_SUBJECT} characters")]
    LongSubject,
    #[error("there is nothing in it")]
    Empty,
    #[error("there is a NUL character in it")]
    Nul,
    #[error("more than {MOST_ALIASES} other handles")]
    ManyAliases,
}

impl From<InvalidMessage> for HandlerError {
    fn from(error: InvalidMessage) -> Self {
        let cause = match error {
            InvalidMessage::Handle(_) => "invalid_handle",
            _ => "invalid_message",
        };
        Self::permanent(cause, error)
    }
}

impl Message {
    pub fn read(event: InboundMessage) -> Result<Self, InvalidMessage> {
        let InboundMessage {
            id,
            channel,
            handle,
            also_known_as,
            subject,
            text,
            received_at,
        } = event;
        let subject = subject.filter(|subject| !subject.trim().is_empty());
        if subject.is_none() && text.trim().is_empty() {
            return Err(InvalidMessage::Empty);
        }
        let longer = |text: &str, most: usize| text.chars().nth(most).is_some();
        if longer(&text, LONGEST_TEXT) {
            return Err(InvalidMessage::LongText);
        }
        if subject
            .as_ref()
            .is_some_and(|subject| longer(subject, LONGEST_SUBJECT))
        {
            return Err(InvalidMessage::LongSubject);
        }
        if text.contains('\0')
            || subject
                .as_ref()
                .is_some_and(|subject| subject.contains('\0'))
        {
            return Err(InvalidMessage::Nul);
        }
        if also_known_as.len() > MOST_ALIASES {
            return Err(InvalidMessage::ManyAliases);
        }
        let sender = match channel {
            Channel::Whatsapp => Handle::parse_whatsapp(&handle),
            _ => Handle::parse(channel.handle_kind(), &handle),
        }?;
        let (mut verified, mut claimed) = (BTreeSet::new(), BTreeSet::new());
        for alias in also_known_as {
            match Handle::parse(alias.kind, &alias.handle) {
                Ok(handle) if alias.verified => verified.insert(handle),
                Ok(handle) => claimed.insert(handle),
                Err(error) if alias.verified => return Err(error.into()),
                // Whatever somebody typed into a field.
                Err(_) => false,
            };
        }
        claimed.retain(|handle| !verified.contains(handle) && *handle != sender);
        verified.remove(&sender);
        Ok(Self {
            id,
            channel,
            address: handle,
            handles: Handles {
                sender,
                verified,
                claimed,
            },
            subject,
            text,
            // A channel's clock that is ahead shall not keep a ticket open for ever.
            received_at: received_at.min(Utc::now()),
        })
    }
}
