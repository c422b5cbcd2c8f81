//! The fan-out over Redis: one connection to publish, one to subscribe.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::{ConnectionManager, ConnectionManagerConfig, PubSubSink, PubSubStream};
use ::redis::{Client, RedisResult, cmd};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Bus, Channel, Envelope};
use crate::metrics;
use crate::socket::Registry;

/// A publish or a subscription that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(1);
/// A subscription connection that carries nothing is asked whether it lives.
const PING_EVERY: Duration = Duration::from_secs(5);
const MIN_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(2);
/// Channels in one SUBSCRIBE.
const BATCH: usize = 256;

/// Publishes over a connection that reconnects by itself.
pub struct Redis {
    connection: ConnectionManager,
}

impl Redis {
    /// A publisher; connects with the first message.
    ///
    /// # Errors
    /// When the configuration makes no sense.
    pub fn new(client: Client) -> RedisResult<Self> {
        // One quick second try: a publish is better done locally than late.
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_min_delay(MIN_BACKOFF)
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        Ok(Self {
            connection: ConnectionManager::new_lazy_with_config(client, config)?,
        })
    }

    /// Asks Redis for a sign of life, for the health check.
    ///
    /// # Errors
    /// What Redis, or the lack of it, said.
    pub async fn ping(client: &Client) -> Result<(), String> {
        let mut connection = client
            .get_multiplexed_async_connection()
            .await
            .map_err(|error| error.to_string())?;
        cmd("PING")
            .query_async::<()>(&mut connection)
            .await
            .map_err(|error| error.to_string())
    }
}

impl Bus for Redis {
    fn publish(&self, channel: Channel, payload: String) -> BoxFuture<'_, Result<(), String>> {
        let mut connection = self.connection.clone();
        Box::pin(async move {
            let mut command = cmd("PUBLISH");
            command.arg(channel.to_string()).arg(payload);
            let publish = async {
                // A failure only makes the manager connect anew; after an
                // outage the first command still hears of the old one. Twice
                // published does no harm: messages have ids.
                match command.query_async::<()>(&mut connection).await {
                    Ok(()) => Ok(()),
                    Err(_) => command.query_async::<()>(&mut connection).await,
                }
            };
            within(publish).await
        })
    }
}

/// Keeps this process subscribed to exactly what its sockets listen to.
pub struct Subscriber {
    client: Client,
    registry: Arc<Registry>,
}

impl Subscriber {
    /// A subscriber for the sockets of `registry`.
    #[must_use]
    pub fn new(client: Client, registry: Arc<Registry>) -> Self {
        Self { client, registry }
    }

    /// Runs until told to stop, reconnecting as often as it takes.
    /// `reconnected` is told each time the connection is back after a loss:
    /// something may have been missed.
    pub async fn run(self, stop: CancellationToken, reconnected: impl Fn()) {
        let mut backoff = MIN_BACKOFF;
        let mut lost = false;
        loop {
            let attempt = timeout(PATIENCE, self.client.get_async_pubsub());
            let Some(attempt) = stop.run_until_cancelled(attempt).await else {
                return;
            };
            let cause = match attempt {
                Ok(Ok(connection)) => {
                    backoff = MIN_BACKOFF;
                    if lost {
                        tracing::info!(dependency = "redis", "fanout_reconnected");
                        reconnected();
                    }
                    let (sink, stream) = connection.split();
                    let Some(Err(cause)) = stop.run_until_cancelled(self.serve(sink, stream)).await
                    else {
                        return;
                    };
                    cause
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no connection in time".to_owned(),
            };
            if !lost {
                tracing::warn!(dependency = "redis", error = %cause, "fanout_connection_lost");
            }
            lost = true;
            self.registry.all_lost();
            // Spread the reconnects of many gateways.
            let pause = backoff.mul_f64(0.5 + rand::random::<f64>() / 2.0);
            if stop.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }

    /// Works with one connection until it breaks.
    async fn serve(&self, mut sink: PubSubSink, mut stream: PubSubStream) -> Result<(), String> {
        let mut subscribed: HashSet<Channel> = HashSet::new();
        // Everything wanted is new to this connection.
        self.registry.all_lost();
        let control = async {
            loop {
                tokio::select! {
                    () = self.registry.changed() => self.follow(&mut sink, &mut subscribed).await?,
                    () = sleep(PING_EVERY) => within(sink.ping::<::redis::Value>()).await.map(drop)?,
                }
            }
        };
        let receive = async {
            while let Some(message) = stream.next().await {
                self.receive(message.get_channel_name(), message.get_payload_bytes());
            }
            Err("the connection was closed".to_owned())
        };
        tokio::select! {
            broken = control => broken,
            broken = receive => broken,
        }
    }

    /// Subscribes and unsubscribes until nothing has changed any more.
    async fn follow(
        &self,
        sink: &mut PubSubSink,
        subscribed: &mut HashSet<Channel>,
    ) -> Result<(), String> {
        loop {
            let changed = self.registry.take_changed(BATCH);
            if changed.is_empty() {
                return Ok(());
            }
            let (wanted, unwanted): (Vec<_>, Vec<_>) = changed
                .into_iter()
                .partition(|channel| self.registry.wants(*channel));
            let new: Vec<String> = wanted
                .iter()
                .filter(|channel| !subscribed.contains(channel))
                .map(Channel::to_string)
                .collect();
            if !new.is_empty() {
                within(sink.subscribe(&new)).await?;
            }
            for channel in wanted {
                subscribed.insert(channel);
                self.registry.set_live(channel, true);
            }
            let old: Vec<String> = unwanted
                .iter()
                .filter(|channel| subscribed.remove(channel))
                .map(Channel::to_string)
                .collect();
            if !old.is_empty() {
                within(sink.unsubscribe(&old)).await?;
            }
        }
    }

    fn receive(&self, channel: &str, payload: &[u8]) {
        let envelope = Channel::parse(channel).zip(Envelope::decode(payload).ok());
        let Some((channel, envelope)) = envelope else {
            metrics::FANOUT_MALFORMED.increment(1);
            tracing::warn!("fanout_envelope_malformed");
            return;
        };
        metrics::FANOUT_RECEIVED.increment(1);
        self.registry
            .deliver(channel, &envelope.outgoing(), envelope.except);
    }
}

async fn within<T>(work: impl Future<Output = RedisResult<T>>) -> Result<T, String> {
    match timeout(PATIENCE, work).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}
