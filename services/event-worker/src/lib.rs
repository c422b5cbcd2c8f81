//! The event-worker: everything that happens because something else happened.
//!
//! It consumes `todo.tasks.v1`, keeps a durable schedule of reminders, and fires
//! them on time as events on `notifications.v1`. It consumes `chat.inbound.v1`,
//! finds out which customer wrote, keeps a ticket, and answers on
//! `chat.replies.v1`. What it publishes goes through an outbox of its own.

mod config;
mod error;
mod handler;
mod identity;
pub mod metrics;
mod reminders;
mod tickets;

use std::time::Duration;

use events::consumer;
use events::outbox::Relay;
use events::producer::Producer;
use events::topics::Topic;
use service::{BoxError, Runtime};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

pub use config::Config;
pub use error::Error;
use handler::ByTopic;

/// The service's name, on every signal.
pub const NAME: &str = "event-worker";

/// How long what is left in the outbox may take to leave, at the end.
const FLUSH: Duration = Duration::from_secs(3);

/// Brings the database up to date.
pub async fn migrate(pool: PgPool) -> Result<(), BoxError> {
    events::migrate(&pool).await?;
    let mut migrator = sqlx::migrate!("./migrations");
    // The tables of events have their versions in the same place.
    migrator.set_ignore_missing(true);
    service::database::migrate(&pool, &migrator).await?;
    Ok(())
}

/// Works until the shutdown: stops consuming and firing, finishes and commits
/// what is in hand, and then lets the outbox run empty.
pub async fn run(config: Config, runtime: Runtime) -> Result<(), BoxError> {
    let Runtime {
        shutdown,
        pool,
        settings,
        ..
    } = runtime;
    let (brokers, prefix) = (&settings.kafka_brokers, &settings.topic_prefix);
    let producer = Producer::connect(brokers, NAME, prefix).map_err(Error::from)?;

    let stop_relay = CancellationToken::new();
    let published = [Topic::Notifications, Topic::ChatReplies];
    let relay = Relay::new(pool.clone(), producer.clone(), &published);
    let mut relay = tokio::spawn(relay.run(stop_relay.clone()));

    let stop = shutdown.token();
    let topics = consumer::Settings::new(brokers, &config.consumer_group, handler::TOPICS, prefix);
    let consuming = async {
        let result = consumer::run(topics, pool.clone(), ByTopic::default(), stop.clone()).await;
        tracing::info!(step = "consumer_stopped", "shutdown_step");
        result.map_err(Error::from)
    };
    let firing = async {
        reminders::fire(&pool, &stop).await;
        Ok::<_, Error>(())
    };
    let forgetting = async {
        tickets::forget(&pool, &stop).await;
        Ok::<_, Error>(())
    };
    let uniting = async {
        tickets::carry_out(&pool, &stop).await;
        Ok::<_, Error>(())
    };
    let worked = tokio::select! {
        worked = async { tokio::try_join!(consuming, firing, forgetting, uniting) } => worked.map(drop),
        _ = &mut relay => Err(Error::Ended("the relay")),
    };

    stop_relay.cancel();
    if !relay.is_finished() {
        // Without a broker it would wait: the rows are safe where they are.
        shutdown
            .step("drain_outbox", tokio::time::timeout(FLUSH, relay))
            .await;
    }
    if let Some(Err(error)) = shutdown.step("flush_producer", producer.flush(FLUSH)).await {
        tracing::warn!(%error, "producer_not_flushed");
    }
    worked.map_err(BoxError::from)
}
