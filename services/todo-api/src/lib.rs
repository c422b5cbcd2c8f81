//! The tasks service.
//!
//! A request goes `tasks::routes` → `tasks::body` (what was sent becomes domain
//! values) → `tasks::store` (state and event in one statement). The event then
//! leaves through the outbox relay of the events crate.

mod config;
mod error;
mod idempotency;
pub mod metrics;
mod openapi;
mod store;
pub mod tasks;

use std::time::Duration;

use axum::{Router, extract::FromRef, middleware::from_fn_with_state};
use events::{outbox::Relay, producer::Producer, topics::Topic};
use service::{BoxError, Runtime, auth::Verifier, database::Admission, http::RateLimit};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

pub use config::Config;
pub use error::Error;
use store::Store;

/// Brokers that are away are not waited for: what they did not confirm is still
/// in the outbox.
const FLUSH_AT_MOST: Duration = Duration::from_secs(1);

/// What the handlers share.
#[derive(Clone)]
struct AppState {
    store: Store,
    verifier: Verifier,
}

impl FromRef<AppState> for Verifier {
    fn from_ref(state: &AppState) -> Self {
        state.verifier.clone()
    }
}

/// Brings the database up to date.
pub async fn migrate(pool: PgPool) -> Result<(), BoxError> {
    events::migrate(&pool).await?;
    let mut migrator = sqlx::migrate!();
    // The events crate keeps its versions in the same table.
    migrator.set_ignore_missing(true);
    Ok(service::database::migrate(&pool, &migrator).await?)
}

/// Serves the API until the shutdown.
pub async fn run(config: Config, mut runtime: Runtime) -> Result<(), BoxError> {
    let listener = runtime.take_listener()?;
    let (settings, shutdown) = (runtime.settings.clone(), runtime.shutdown.clone());
    let producer = Producer::connect(&settings.kafka_brokers, "todo-api", &settings.topic_prefix)?;
    let relay = Relay::new(runtime.pool.clone(), producer.clone(), &[Topic::TodoTasks]);
    // Not the shutdown's own token: the relay outlives the last request.
    let requests_done = CancellationToken::new();
    let stop = requests_done.clone();
    let relay = shutdown.spawn("outbox_relay", async move {
        relay.run(stop).await;
        Ok(())
    });
    let counting = tasks::count_tasks(settings.database_url.clone(), shutdown.token());
    shutdown.spawn("task_count", counting);
    let cleaning = idempotency::clean(runtime.pool.clone(), shutdown.token());
    shutdown.spawn("idempotency_cleaning", cleaning);

    tasks::start_series();
    let state = AppState {
        store: Store::new(
            Admission::new(runtime.pool.clone(), settings.overload_wait),
            runtime.health.clone(),
        ),
        verifier: Verifier::new(config.auth_public_key),
    };
    let router = service::http::standard(router(state, config.rate_limit), &runtime);
    service::http::serve(listener, router, &runtime).await?;

    requests_done.cancel();
    shutdown.step("stop_relay", relay).await;
    let flush = producer.flush(FLUSH_AT_MOST);
    if let Some(Err(error)) = shutdown.step("flush_producer", flush).await {
        // Nothing is lost: a row leaves the outbox only when it was delivered.
        tracing::warn!(error = %error, "producer_not_flushed");
    }
    Ok(())
}

fn router(state: AppState, limit: Option<RateLimit>) -> Router {
    let (routes, document) = openapi::document(tasks::router());
    let once = from_fn_with_state(state.clone(), idempotency::layer);
    let verifier = state.verifier.clone();
    let mut routes = routes.layer(once).with_state(state);
    if let Some(limit) = limit {
        routes = limit.protect(routes, verifier);
    }
    routes.merge(service::openapi::ui(document))
}
