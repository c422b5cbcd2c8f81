//! The SQL of tickets and their messages.

use chrono::{DateTime, Utc};
use events::contracts::Priority;
use events::outbox::Entry;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::message::Message;
use crate::metrics::{
    TICKET_CLOSE, TICKET_CONTINUE, TICKET_MESSAGE_INSERT, TICKET_MESSAGE_KNOWN, TICKET_OPEN,
    TICKETS_FIND, TICKETS_MERGE,
};

/// A ticket that is open.
#[derive(Debug)]
pub(super) struct Ticket {
    pub id: Uuid,
    pub number: i64,
    pub priority: Priority,
    pub last_message_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    number: i64,
    priority: String,
    last_message_at: DateTime<Utc>,
}

impl From<Row> for Ticket {
    fn from(row: Row) -> Self {
        let priority = match row.priority.as_str() {
            "low" => Priority::Low,
            "high" => Priority::High,
            "urgent" => Priority::Urgent,
            // The table has no other.
            _ => Priority::Normal,
        };
        Self {
            id: row.id,
            number: row.number,
            priority,
            last_message_at: row.last_message_at,
        }
    }
}

/// A priority as tables and metrics name it.
pub(super) fn name(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "low",
        Priority::Normal => "normal",
        Priority::High => "high",
        Priority::Urgent => "urgent",
    }
}

/// Whether the message is part of a ticket already.
pub(super) async fn is_known(tx: &mut PgConnection, message: Uuid) -> Result<bool, sqlx::Error> {
    let query = sqlx::query_scalar("SELECT EXISTS (SELECT FROM ticket_messages WHERE id = $1)");
    TICKET_MESSAGE_KNOWN
        .run(query.bind(message).fetch_one(tx))
        .await
}

/// The open tickets of these customers, the oldest first.
pub(super) async fn find(
    tx: &mut PgConnection,
    customers: &[Uuid],
) -> Result<Vec<Ticket>, sqlx::Error> {
    let rows: Vec<Row> = TICKETS_FIND
        .run(
            sqlx::query_as(
                "SELECT id, number, priority, last_message_at FROM tickets
                 WHERE customer_id = ANY($1) AND status = 'open' ORDER BY number FOR UPDATE",
            )
            .bind(customers)
            .fetch_all(tx),
        )
        .await?;
    Ok(rows.into_iter().map(Ticket::from).collect())
}

/// Gives all tickets of `absorbed` to `customer`, with the messages of those that
/// are open going over to `kept`.
pub(super) async fn merge(
    tx: &mut PgConnection,
    customer: Uuid,
    absorbed: &[Uuid],
    kept: Option<&Ticket>,
    closed: &[Uuid],
) -> Result<(), sqlx::Error> {
    // First they are closed: no moment has two open tickets of a customer.
    if let Some(kept) = kept {
        TICKETS_MERGE
            .run(
                sqlx::query(
                    "WITH moved AS (
                         UPDATE ticket_messages SET ticket_id = $1 WHERE ticket_id = ANY($2)
                     ), kept AS (
                         UPDATE tickets SET priority = $3, last_message_at = $4, updated_at = now()
                         WHERE id = $1
                     )
                     UPDATE tickets SET status = 'merged', merged_into = $1, updated_at = now()
                     WHERE id = ANY($2)",
                )
                .bind(kept.id)
                .bind(closed)
                .bind(name(kept.priority))
                .bind(kept.last_message_at)
                .execute(&mut *tx),
            )
            .await?;
    }
    TICKETS_MERGE
        .run(
            sqlx::query("UPDATE tickets SET customer_id = $1 WHERE customer_id = ANY($2)")
                .bind(customer)
                .bind(absorbed)
                .execute(tx),
        )
        .await
        .map(drop)
}

/// Ends a ticket.
pub(super) async fn close(tx: &mut PgConnection, ticket: Uuid) -> Result<(), sqlx::Error> {
    let query =
        sqlx::query("UPDATE tickets SET status = 'closed', updated_at = now() WHERE id = $1");
    TICKET_CLOSE
        .run(query.bind(ticket).execute(tx))
        .await
        .map(drop)
}

/// A new ticket of `customer`.
pub(super) async fn open(
    tx: &mut PgConnection,
    customer: Uuid,
    message: &Message,
    priority: Priority,
) -> Result<Ticket, sqlx::Error> {
    let id = Uuid::now_v7();
    let number = TICKET_OPEN
        .run(
            sqlx::query_scalar(
                "INSERT INTO tickets (id, customer_id, channel, priority, last_message_at)
                 VALUES ($1, $2, $3, $4, $5) RETURNING number",
            )
            .bind(id)
            .bind(customer)
            .bind(message.channel.as_str())
            .bind(name(priority))
            .bind(message.received_at)
            .fetch_one(tx),
        )
        .await?;
    Ok(Ticket {
        id,
        number,
        priority,
        last_message_at: message.received_at,
    })
}

/// Notes what a message made of its ticket.
pub(super) async fn go_on(tx: &mut PgConnection, ticket: &Ticket) -> Result<(), sqlx::Error> {
    TICKET_CONTINUE
        .run(
            sqlx::query(
                "UPDATE tickets SET priority = $2, last_message_at = $3, updated_at = now()
                 WHERE id = $1",
            )
            .bind(ticket.id)
            .bind(name(ticket.priority))
            .bind(ticket.last_message_at)
            .execute(tx),
        )
        .await
        .map(drop)
}

/// Adds the message to its ticket, and the reply to the outbox.
pub(super) async fn add(
    tx: &mut PgConnection,
    customer: Uuid,
    ticket: Uuid,
    message: &Message,
    reply: Entry,
) -> Result<(), sqlx::Error> {
    TICKET_MESSAGE_INSERT
        .run(
            sqlx::query(
                "WITH seen AS (
                     UPDATE customers SET last_seen_at = now() WHERE id = $1
                 ), message AS (
                     INSERT INTO ticket_messages (id, ticket_id, channel, subject, body, received_at)
                     VALUES ($2, $3, $4, $5, $6, $7)
                 )
                 INSERT INTO outbox (id, topic, key, type, source, traceparent, body)
                 VALUES ($8, $9, $10, $11, $12, $13, $14)",
            )
            .bind(customer)
            .bind(message.id)
            .bind(ticket)
            .bind(message.channel.as_str())
            .bind(&message.subject)
            .bind(&message.text)
            .bind(message.received_at)
            .bind(reply.id)
            .bind(reply.topic)
            .bind(reply.key)
            .bind(reply.event_type)
            .bind(reply.source)
            .bind(reply.traceparent)
            .bind(reply.body)
            .execute(tx),
        )
        .await
        .map(drop)
}
