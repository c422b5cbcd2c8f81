//! `chat.inbound.v1` → customer → ticket → reply.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use events::consumer::{Envelope, HandlerError, Outcome};
use events::contracts::{Channel, InboundMessage, Priority, Reply};
use events::outbox::{Entry, EntryError};
use sqlx::{PgConnection, PgTransaction};
use uuid::Uuid;

use super::message::Message;
use super::priority::priority;
use super::retention::SILENCE_DAYS;
use super::store::{self, Ticket};
use crate::identity::{self, Identity, Resolution};
use crate::metrics::TICKETS;

/// Events whose commit is not known yet; many more than can be under way.
const MOST_PENDING: usize = 10_000;

/// Opens and continues tickets.
#[derive(Default)]
pub(crate) struct Handler {
    /// What is to be told once it is committed, by event.
    pending: Mutex<HashMap<Uuid, Told>>,
}

/// What became of a message.
#[derive(Clone, Copy)]
struct Told {
    channel: Channel,
    ticket: Uuid,
    resolution: Resolution,
    /// Of the ticket, if the message opened it.
    opened: Option<Priority>,
    received_at: DateTime<Utc>,
}

impl events::consumer::Handler for Handler {
    async fn handle(
        &self,
        tx: &mut PgTransaction<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<Outcome, HandlerError> {
        let event: InboundMessage = envelope.event()?;
        let message = Message::read(event)?;
        let identity = identity::resolve(tx, &message.handles, message.id).await?;
        // A channel may deliver a message twice, as two events.
        if store::is_known(tx, message.id).await? {
            return Ok(Outcome::Ignored);
        }
        let (ticket, opened) = ticket(tx, &identity, &message).await?;
        let reply = Entry::new(&reply(&message, &identity, &ticket, opened)).map_err(refused)?;
        store::add(tx, identity.customer, ticket.id, &message, reply).await?;
        self.note(
            envelope.id,
            Told {
                channel: message.channel,
                ticket: ticket.id,
                resolution: identity.resolution,
                opened: opened.then_some(ticket.priority),
                received_at: message.received_at,
            },
        );
        Ok(Outcome::Done)
    }

    async fn committed(&self, envelope: &Envelope<'_>) {
        let Some(told) = self.pending().remove(&envelope.id) else {
            return;
        };
        let took = (Utc::now() - told.received_at).to_std().unwrap_or_default();
        TICKETS.message(told.channel, told.resolution, told.opened, took);
        tracing::info!(
            ticket_id = %told.ticket,
            channel_type = told.channel.as_str(),
            resolution = ?told.resolution,
            opened = told.opened.is_some(),
            "message_answered"
        );
    }
}

impl Handler {
    fn note(&self, event: Uuid, told: Told) {
        let mut pending = self.pending();
        // What was abandoned (a partition that was let go) is never committed here.
        if pending.len() >= MOST_PENDING {
            pending.clear();
        }
        pending.insert(event, told);
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Told>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ticket that the message belongs to, and whether it is new.
async fn ticket(
    tx: &mut PgConnection,
    identity: &Identity,
    message: &Message,
) -> Result<(Ticket, bool), HandlerError> {
    let kept = absorb(tx, identity).await?;
    let priority = priority(message.channel, message.subject.as_deref(), &message.text);
    if let Some(mut ticket) = kept {
        if message.received_at - ticket.last_message_at <= TimeDelta::days(SILENCE_DAYS) {
            ticket.priority = ticket.priority.max(priority);
            ticket.last_message_at = ticket.last_message_at.max(message.received_at);
            store::go_on(tx, &ticket).await?;
            return Ok((ticket, false));
        }
        store::close(tx, ticket.id).await?;
    }
    let ticket = store::open(tx, identity.customer, message, priority).await?;
    Ok((ticket, true))
}

/// Gives the customer the tickets of those who have become it; answers with the one
/// that is open, if there is one.
pub(super) async fn absorb(
    tx: &mut PgConnection,
    identity: &Identity,
) -> Result<Option<Ticket>, sqlx::Error> {
    let customers = [&[identity.customer], &identity.absorbed[..]].concat();
    let mut open = store::find(tx, &customers).await?.into_iter();
    let mut kept = open.next();
    if !identity.absorbed.is_empty() {
        let mut closed = Vec::new();
        if let Some(kept) = &mut kept {
            for other in open {
                kept.priority = kept.priority.max(other.priority);
                kept.last_message_at = kept.last_message_at.max(other.last_message_at);
                closed.push(other.id);
            }
        }
        store::merge(
            tx,
            identity.customer,
            &identity.absorbed,
            kept.as_ref(),
            &closed,
        )
        .await?;
    }
    Ok(kept)
}

/// The acknowledgement: who answers for real comes later.
fn reply(message: &Message, identity: &Identity, ticket: &Ticket, opened: bool) -> Reply {
    let number = ticket.number;
    let text = if opened {
        format!("Thank you for your message. It is ticket #{number}; we will answer you here.")
    } else {
        format!("Thank you. Your message was added to ticket #{number}.")
    };
    Reply {
        id: Uuid::now_v7(),
        in_reply_to: message.id,
        ticket_id: ticket.id,
        ticket_number: number,
        opened,
        priority: ticket.priority,
        customer_id: identity.customer,
        channel: message.channel,
        handle: message.address.clone(),
        text,
        created_at: Utc::now(),
    }
}

fn refused(error: EntryError) -> HandlerError {
    HandlerError::permanent("reply_refused", error)
}
