//! What the handlers of chat-gateway share.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use service::auth::Verifier;
use service::{BoxError, Health, Runtime};
use sqlx::PgPool;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::accounts::{Passwords, Signer, Throttle};
use crate::config::Config;
use crate::fanout::{Bus, Fanout, Local, Redis};
use crate::socket::Registry;
use crate::tasks::{Direct, TaskApi};

/// The window in which sign-in attempts are counted, and how many are remembered.
const THROTTLE_WINDOW: Duration = Duration::from_secs(5 * 60);
const THROTTLE_CAPACITY: usize = 50_000;
/// Delivered notifications that wait to be marked.
const DELIVERED_QUEUE: usize = 4096;

/// The state of the service. Cheap to clone.
#[derive(Clone)]
pub struct Gateway(Arc<Shared>);

/// See [`Gateway`].
pub struct Shared {
    /// As it was started.
    pub config: Config,
    /// Whether this is a demo.
    pub demo_mode: bool,
    /// The database.
    pub pool: PgPool,
    /// What the health checks found.
    pub health: Health,
    /// The checks that the page shows beside the gateway itself.
    pub watched: Vec<&'static str>,
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// Counts attempts to sign in.
    pub throttle: Throttle,
    /// Signs access tokens.
    pub signer: Signer,
    /// Verifies them.
    pub verifier: Verifier,
    /// The sockets of this process.
    pub registry: Arc<Registry>,
    /// Everybody's sockets.
    pub fanout: Fanout,
    /// todo-api.
    pub tasks: Box<dyn TaskApi>,
    /// The tasks behind the sockets.
    pub sockets: TaskTracker,
    /// One for each socket that may still be opened.
    pub socket_slots: Arc<Semaphore>,
    /// Takes the ids of notifications that were written to a socket.
    pub delivered: mpsc::Sender<Uuid>,
}

impl Gateway {
    /// Puts the parts together; answers also the other end of `delivered`.
    ///
    /// # Errors
    /// When a client cannot be built from the configuration.
    pub fn new(
        config: Config,
        runtime: &Runtime,
    ) -> Result<(Self, mpsc::Receiver<Uuid>), BoxError> {
        let signer = config.signer.clone().ok_or("AUTH_PRIVATE_KEY is not set")?;
        let verifier = Verifier::from_pem(&signer.public_pem()?)?;
        let registry = Arc::new(Registry::new(config.max_sockets_per_user));
        let bus: Arc<dyn Bus> = match config.redis.clone() {
            Some(client) => Arc::new(Redis::new(client)?),
            None => Arc::new(Local::new(Arc::clone(&registry))),
        };
        let mut watched = vec!["todo-api"];
        watched.extend(
            config
                .event_worker_health_url
                .is_some()
                .then_some("event-worker"),
        );
        watched.extend(["database", "kafka"]);
        watched.extend(config.redis.is_some().then_some("redis"));
        let (delivered, written) = mpsc::channel(DELIVERED_QUEUE);
        let shared = Shared {
            demo_mode: runtime.settings.demo_mode,
            pool: runtime.pool.clone(),
            health: runtime.health.clone(),
            watched,
            passwords: Passwords::new(config.password_concurrency),
            throttle: Throttle::new(THROTTLE_WINDOW, THROTTLE_CAPACITY),
            signer,
            verifier,
            fanout: Fanout::new(bus, Arc::clone(&registry)),
            registry,
            tasks: Box::new(Direct::new(&config.todo_api_url, config.todo_api_timeout)?),
            sockets: TaskTracker::new(),
            socket_slots: Arc::new(Semaphore::new(config.max_sockets)),
            delivered,
            config,
        };
        Ok((Self(Arc::new(shared)), written))
    }
}

impl Deref for Gateway {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl FromRef<Gateway> for Verifier {
    fn from_ref(gateway: &Gateway) -> Self {
        gateway.verifier.clone()
    }
}
