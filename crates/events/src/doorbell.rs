//! PostgreSQL's NOTIFY as a doorbell: it says that there may be work, never what
//! work. Whoever waits on it polls slowly besides, since a notification can be
//! lost with its connection.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Between attempts to listen again.
const RECONNECT: Duration = Duration::from_secs(1);

/// Listens on one channel, on a connection of its own, for as long as it lives.
#[derive(Debug)]
pub struct Doorbell {
    rings: watch::Receiver<()>,
    task: AbortHandle,
}

impl Doorbell {
    /// Starts listening.
    pub fn install(pool: &PgPool, channel: &'static str) -> Self {
        let (ring, rings) = watch::channel(());
        let task = tokio::spawn(listen(pool.clone(), channel, ring)).abort_handle();
        Self { rings, task }
    }

    /// One who waits for it; each hears every ring.
    pub fn listener(&self) -> Listener {
        Listener(self.rings.clone())
    }
}

impl Drop for Doorbell {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Hears a [`Doorbell`].
#[derive(Clone, Debug)]
pub struct Listener(watch::Receiver<()>);

impl Listener {
    /// From here on, rings are news. Call it before looking for work: a ring
    /// while the work is done is then not missed.
    pub fn attend(&mut self) {
        self.0.mark_unchanged();
    }

    /// Waits for a ring since [`Listener::attend`].
    pub async fn rung(&mut self) {
        if self.0.changed().await.is_err() {
            // The doorbell is gone; the caller's slow poll goes on without it.
            std::future::pending::<()>().await;
        }
    }
}

async fn listen(pool: PgPool, channel: &'static str, ring: watch::Sender<()>) {
    // Not a connection of the service's pool: it is never given back.
    let own = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with((*pool.connect_options()).clone());
    loop {
        if let Err(error) = follow(&own, channel, &ring).await {
            // Whoever needs the database says that it is away; this is detail.
            tracing::debug!(channel, %error, "doorbell_silent");
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn follow(
    pool: &PgPool,
    channel: &'static str,
    ring: &watch::Sender<()>,
) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(channel).await?;
    loop {
        // Also at the start and after a lost connection: something may have
        // been said while nobody listened.
        ring.send_replace(());
        listener.try_recv().await?;
    }
}
