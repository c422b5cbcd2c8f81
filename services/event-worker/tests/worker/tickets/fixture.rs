//! A worker's surroundings, and what customers wrote to it.

use std::collections::BTreeMap;

use events::contracts::{Reply, decode};
use sqlx::PgPool;
use testkit::{Channels, Inbound, Kafka, Samples, Schemas, Service, SystemBuilder, eventually};
use uuid::Uuid;

/// Databases and topics of the test's own, with one worker to begin with.
pub(crate) struct Fixture {
    pub(crate) parts: SystemBuilder,
    pub(crate) worker: Service,
    pub(crate) pool: PgPool,
    pub(crate) channels: Channels,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let parts = SystemBuilder::new().await;
        let worker = parts.event_worker().start().await;
        let pool = parts.database("event-worker").pool().await;
        Self {
            channels: Channels::new(&parts),
            parts,
            worker,
            pool,
        }
    }

    /// Sends a message and waits until it is part of a ticket: the customer's and
    /// the ticket's ids.
    pub(crate) async fn say(&self, message: &Inbound) -> (Uuid, Uuid) {
        let id = self.channels.send(message).await;
        self.answered(id).await
    }

    /// Waits until a message is part of a ticket.
    pub(crate) async fn answered(&self, message: Uuid) -> (Uuid, Uuid) {
        eventually("the message is part of a ticket", || async {
            sqlx::query_as(
                "SELECT customer_id, tickets.id FROM ticket_messages
                 JOIN tickets ON tickets.id = ticket_id WHERE ticket_messages.id = $1",
            )
            .bind(message)
            .fetch_optional(&self.pool)
            .await
            .expect("an answer")
        })
        .await
    }

    /// A number out of the database.
    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        let number = sqlx::query_scalar(sql).fetch_one(&self.pool).await;
        number.expect("a number")
    }

    /// A text out of the database.
    pub(crate) async fn text(&self, sql: &'static str, id: Uuid) -> String {
        let text = sqlx::query_scalar(sql).bind(id).fetch_one(&self.pool).await;
        text.expect("a text")
    }

    /// The replies, by the message that each answers, once the outbox is empty.
    pub(crate) async fn replies(&self) -> BTreeMap<Uuid, Vec<Reply>> {
        let schemas = Schemas::load();
        let mut all: BTreeMap<Uuid, Vec<Reply>> = BTreeMap::new();
        let mut seen = Vec::new();
        for record in self
            .parts
            .published("event-worker", "chat.replies.v1")
            .await
        {
            // The relay sends again what a broker may not have had: the same event.
            let id = record.header("ce_id");
            if seen.contains(&id) {
                continue;
            }
            seen.push(id);
            schemas.check_produced(&record.header("ce_type"), &record.json());
            let body = record.body.as_deref().unwrap_or_default();
            let reply: Reply = decode(&record.header("ce_type"), body).expect("a reply");
            assert_eq!(record.key, Some(reply.ticket_id.to_string()));
            all.entry(reply.in_reply_to).or_default().push(reply);
        }
        all
    }

    /// The dead letters: cause and detail of each, by the message's place.
    pub(crate) async fn dead_letters(&self) -> BTreeMap<(String, String), (String, String)> {
        let kafka = Kafka::new(&self.parts.backing.kafka);
        let topic = format!("{}chat.inbound.v1.dlq", self.parts.prefix);
        let letters = kafka.read(&topic).await;
        let letters = letters.iter().map(|letter| {
            let header = |name| letter.header(name);
            let place = (header("dlq_origin_partition"), header("dlq_origin_offset"));
            (place, (header("dlq_cause"), header("dlq_detail")))
        });
        letters.collect()
    }

    /// The metrics, once so many messages are counted: that happens after the commit.
    pub(crate) async fn metrics(&self, messages: f64) -> Samples {
        eventually("the messages are counted", || async {
            let samples = self.worker.metrics().await;
            let counted = samples.sum("channel_messages_received_total", &[]);
            (counted == messages).then_some(samples)
        })
        .await
    }
}
