//! Notifications: taken from Kafka into PostgreSQL, pushed to their user's
//! sockets wherever those are, and kept until they were seen.

mod consumer;
mod deliver;
mod routes;
mod store;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::to_raw_value;
use utoipa::ToSchema;
use uuid::Uuid;

pub use consumer::consume;
pub use deliver::{deliver_pending, mark_delivered, sweep};
pub use routes::router;

use crate::fanout::Envelope;
use crate::socket::protocol::ServerFrame;

/// A stored notification.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(as = Notification)]
pub struct Stored {
    /// Its id, by which a client recognises one it has.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// What kind it is, as `reminder`.
    pub kind: String,
    /// The task it is about.
    #[schema(required = true)]
    pub task_id: Option<Uuid>,
    /// What it says.
    pub title: String,
    /// When it was to happen.
    #[schema(required = true)]
    pub remind_at: Option<DateTime<Utc>>,
    /// When it did.
    pub fired_at: DateTime<Utc>,
    /// The trace that led to it.
    #[schema(required = true)]
    pub traceparent: Option<String>,
    /// When the user saw it.
    #[schema(required = true)]
    pub read_at: Option<DateTime<Utc>>,
}

impl Stored {
    /// The frame that pushes it, as part of the trace that led to it, or of the
    /// given one.
    #[must_use]
    pub fn envelope(&self, traceparent: Option<String>) -> Envelope {
        let traceparent = traceparent.or_else(|| self.traceparent.clone());
        // Plain data with string keys: serialising cannot fail.
        let body =
            to_raw_value(self).unwrap_or_else(|_| serde_json::value::RawValue::NULL.to_owned());
        let frame = ServerFrame::Notification {
            notification: &body,
            traceparent: traceparent.as_deref(),
        };
        let mut envelope = Envelope::new(&frame, traceparent.clone());
        envelope.notification = Some(self.id);
        envelope
    }
}
