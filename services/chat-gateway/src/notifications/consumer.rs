//! Takes notifications from Kafka.

use events::consumer::{self, Envelope, Handler, HandlerError, Outcome};
use events::contracts::{ContractError, Notification};
use events::topics::Topic;
use service::{BoxError, Runtime};
use sqlx::PgTransaction;
use tokio_util::sync::CancellationToken;

use super::{Stored, store};
use crate::Gateway;
use crate::fanout::Channel;
use crate::metrics;

/// The consumer group: every notification goes to one gateway, which tells the
/// others.
const GROUP: &str = "chat-gateway";

/// The effect of a notification: a row, and after its commit a push.
pub struct Inbox {
    gateway: Gateway,
}

impl Handler for Inbox {
    async fn handle(
        &self,
        tx: &mut PgTransaction<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<Outcome, HandlerError> {
        let notification: Notification = envelope.event()?;
        let traceparent = telemetry::current().map(|context| context.traceparent());
        store::insert(&mut *tx, &notification, traceparent.as_deref()).await?;
        Ok(Outcome::Done)
    }

    async fn committed(&self, envelope: &Envelope<'_>) {
        metrics::NOTIFICATIONS_STORED.increment(1);
        // It was read before, in `handle`.
        let read: Result<Notification, ContractError> = envelope.event();
        let Ok(notification) = read else { return };
        let channel = Channel::User(notification.user_id);
        let traceparent = telemetry::current().map(|context| context.traceparent());
        let push = Stored::from(notification).envelope(traceparent);
        self.gateway.fanout.publish(channel, &push).await;
    }
}

impl From<Notification> for Stored {
    fn from(event: Notification) -> Self {
        Self {
            id: event.id,
            user_id: event.user_id,
            kind: event.kind,
            task_id: Some(event.task_id),
            title: event.title,
            remind_at: Some(event.remind_at),
            fired_at: event.fired_at,
            traceparent: None,
            read_at: None,
        }
    }
}

/// Consumes until told to stop.
pub fn consume(
    gateway: &Gateway,
    runtime: &Runtime,
    stop: CancellationToken,
) -> impl Future<Output = Result<(), BoxError>> + Send + 'static {
    let settings = consumer::Settings::new(
        &runtime.settings.kafka_brokers,
        GROUP,
        &[Topic::Notifications],
        &runtime.settings.topic_prefix,
    );
    let (pool, handler) = (
        gateway.pool.clone(),
        Inbox {
            gateway: gateway.clone(),
        },
    );
    async move { Ok(consumer::run(settings, pool, handler, stop).await?) }
}
