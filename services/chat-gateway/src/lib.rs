//! chat-gateway: accounts and sign-in, chat over WebSocket, notifications to
//! the user's sockets, and the web page.
//!
//! A folder for each capability: `accounts`, `rooms`, `socket` (what a client
//! says and hears), `fanout` (between gateways), `tasks` (todo-api, and what a
//! message asks of it), `notifications` (from Kafka to the socket), `alerts`
//! (from Alertmanager to the room #ops), `page`.

pub mod accounts;
pub mod alerts;
mod checks;
pub mod config;
pub mod error;
pub mod fanout;
mod gateway;
pub mod metrics;
pub mod notifications;
mod openapi;
pub mod page;
pub mod rooms;
pub mod socket;
pub mod tasks;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode};
use service::{BoxError, Runtime, database};
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

pub use config::Config;
pub use gateway::Gateway;

/// Brings the database up to date.
///
/// # Errors
/// When the database does not answer, or holds something unexpected.
pub async fn migrate(pool: PgPool) -> Result<(), BoxError> {
    events::migrate(&pool).await?;
    let mut migrator: Migrator = sqlx::migrate!("./migrations");
    // The tables of `events` are recorded in the same place.
    migrator.set_ignore_missing(true);
    Ok(database::migrate(&pool, &migrator).await?)
}

/// The routes of this service, without what every service has.
pub fn router(gateway: Gateway) -> Router {
    let (routes, document) = openapi::document(documented());
    routes
        .merge(page::files())
        // Called by Alertmanager alone, in a form of its own.
        .merge(alerts::router())
        .with_state(gateway)
        .merge(service::openapi::ui(document))
}

/// The routes of the API, with their documentation.
fn documented() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .merge(accounts::router())
        .merge(rooms::router())
        .merge(socket::router())
        .merge(tasks::router())
        .merge(notifications::router())
        .merge(page::router())
}

/// Starts the HTTP series of all routes at zero.
fn start_series() {
    let get = |path| (Method::GET, path, StatusCode::OK);
    let post = |path, success| (Method::POST, path, success);
    let (ok, created, done) = (StatusCode::OK, StatusCode::CREATED, StatusCode::NO_CONTENT);
    telemetry::http::preregister(&[
        post("/api/auth/register", created),
        post("/api/auth/login", ok),
        post("/api/auth/refresh", ok),
        post("/api/auth/logout", done),
        post("/hooks/alerts", done),
        get("/.well-known/jwks.json"),
        get("/api/rooms"),
        post("/api/rooms", created),
        post("/api/rooms/{id}/join", ok),
        get("/api/rooms/{id}/messages"),
        get("/api/tasks"),
        post("/api/tasks", created),
        post("/api/tasks/{id}/complete", ok),
        get("/api/notifications"),
        (Method::GET, "/ws", StatusCode::SWITCHING_PROTOCOLS),
    ]);
}

/// Serves until the shutdown.
///
/// # Errors
/// When something it cannot do without fails.
pub async fn run(config: Config, mut runtime: Runtime) -> Result<(), BoxError> {
    let listener = runtime.take_listener()?;
    checks::register(&config, &runtime)?;
    let (gateway, written) = Gateway::new(config, &runtime)?;
    let stop = CancellationToken::new();
    let shutdown = runtime.shutdown.clone();
    if gateway.demo_mode
        && shutdown
            .token()
            .run_until_cancelled(seed(&gateway))
            .await
            .is_none()
    {
        return Ok(());
    }

    let missed = Arc::new(Notify::new());
    spawn_fanout(&gateway, &runtime, &missed, &stop);
    let (sweeper, marker) = (gateway.clone(), gateway.clone());
    let (sweeping, marking) = (stop.clone(), stop.clone());
    shutdown.spawn("notification_sweep", async move {
        notifications::sweep(sweeper, missed, sweeping).await;
        Ok(())
    });
    shutdown.spawn("notification_marker", async move {
        notifications::mark_delivered(marker, written, marking).await;
        Ok(())
    });
    let consumer = notifications::consume(&gateway, &runtime, stop.clone());
    shutdown.spawn("notification_consumer", consumer);

    start_series();
    let app = service::http::standard(router(gateway.clone()), &runtime);
    service::http::serve(listener, app, &runtime).await?;
    let closing = async {
        gateway.registry.close_all();
        gateway.sockets.close();
        gateway.sockets.wait().await;
    };
    shutdown.step("close_websockets", closing).await;
    stop.cancel();
    Ok(())
}

/// Tries until the demo account is there.
async fn seed(gateway: &Gateway) {
    while let Err(error) = accounts::seed_demo_account(&gateway.pool, &gateway.passwords).await {
        error.log();
        sleep(Duration::from_secs(1)).await;
    }
}

fn spawn_fanout(
    gateway: &Gateway,
    runtime: &Runtime,
    missed: &Arc<Notify>,
    stop: &CancellationToken,
) {
    let (registry, missed, stop) = (
        Arc::clone(&gateway.registry),
        Arc::clone(missed),
        stop.clone(),
    );
    match gateway.config.redis.clone() {
        Some(client) => runtime.shutdown.spawn("fanout", async move {
            fanout::Subscriber::new(client, registry)
                .run(stop, || missed.notify_one())
                .await;
            Ok(())
        }),
        None => runtime.shutdown.spawn("fanout", async move {
            fanout::Local::run(registry, stop).await;
            Ok(())
        }),
    };
}
