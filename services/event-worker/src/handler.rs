//! Everything that the worker consumes, by topic.

use events::consumer::{Envelope, Handler, HandlerError, Outcome};
use events::topics::Topic;
use sqlx::PgTransaction;

use crate::{reminders, tickets};

/// The topics that it consumes.
pub(crate) const TOPICS: &[Topic] = &[Topic::TodoTasks, Topic::ChatInbound];

/// Hands each event to the part that it concerns.
#[derive(Default)]
pub(crate) struct ByTopic {
    tickets: tickets::Handler,
}

impl Handler for ByTopic {
    async fn handle(
        &self,
        tx: &mut PgTransaction<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<Outcome, HandlerError> {
        match envelope.topic {
            Topic::TodoTasks => reminders::Handler.handle(tx, envelope).await,
            Topic::ChatInbound => self.tickets.handle(tx, envelope).await,
            // Not subscribed to.
            topic @ (Topic::Notifications | Topic::ChatReplies) => {
                Err(HandlerError::permanent("unknown_topic", topic))
            }
        }
    }

    async fn committed(&self, envelope: &Envelope<'_>) {
        if envelope.topic == Topic::ChatInbound {
            self.tickets.committed(envelope).await;
        }
    }
}
