//! Private backing services in a folder of one's own: PostgreSQL, Redis, Kafka.
//! `glasshouse up` and the integration tests start the same ones.

mod cluster;
mod jars;
pub mod kafka;
mod mock_kafka;
mod node;
mod place;
pub mod ports;
pub mod postgres;
pub mod programs;
pub mod redis;
mod remove;
mod scratch;
mod standin;
pub mod topics;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

pub use kafka::{Kafka, KafkaChoice, Relay};
pub use mock_kafka::LIMITS as MOCK_KAFKA_LIMITS;
pub use place::{Place, random_secret, write_secret};
pub use ports::{Port, Ports};
pub use postgres::{Postgres, PostgresOptions};
pub use redis::{Redis, RedisChoice};
pub use scratch::{clean, scratch};
pub use topics::create_topics;

/// Told what takes its time.
pub type Note = Arc<dyn Fn(&str) + Send + Sync>;

/// What to start, and how.
#[derive(Clone)]
pub struct Options {
    /// Which ports to use.
    pub ports: Ports,
    /// The databases to create.
    pub postgres: PostgresOptions,
    /// Which Redis.
    pub redis: RedisChoice,
    /// Which Kafka.
    pub kafka: KafkaChoice,
    /// Further ways to a real Kafka node, for proxies in between.
    pub kafka_relays: Vec<Relay>,
    /// Told what takes its time.
    pub note: Note,
}

impl Options {
    /// For tests: free ports, nothing durable, no databases but those they
    /// create themselves.
    pub fn for_tests() -> Self {
        let postgres = PostgresOptions {
            databases: Vec::new(),
            durable: false,
        };
        Self {
            ports: Ports::any(),
            postgres,
            redis: RedisChoice::Auto,
            kafka: KafkaChoice::Auto,
            kafka_relays: Vec::new(),
            note: Arc::new(|_| {}),
        }
    }
}

/// All three, running.
#[derive(Clone)]
pub struct Backing {
    /// The database server.
    pub postgres: Postgres,
    /// Cache and fan-out.
    pub redis: Redis,
    /// The event broker.
    pub kafka: Kafka,
    place: Place,
}

impl Backing {
    /// Starts all three at once in `dir`, first ending what an earlier run that
    /// crashed may have left there.
    ///
    /// # Errors
    /// When one of them does not start; the others are stopped then.
    pub async fn start(dir: &Path, options: Options) -> Result<Self> {
        Self::start_in(Place::open(dir)?, options).await
    }

    /// Starts all three in a temporary folder that [`Backing::remove`] deletes.
    ///
    /// # Errors
    /// As [`Backing::start`].
    pub async fn start_temporary(options: Options) -> Result<Self> {
        Self::start_in(scratch()?, options).await
    }

    async fn start_in(place: Place, options: Options) -> Result<Self> {
        clean(&place)?;
        let settings = kafka::settings_of(&crate::project::root()?);
        let Options {
            ports,
            postgres,
            redis,
            kafka,
            kafka_relays,
            note,
        } = options;
        let (postgres, redis, kafka) = tokio::join!(
            Postgres::start(&place, &ports, &postgres),
            Redis::start(&place, &ports, redis),
            Kafka::start(&place, &ports, kafka, &kafka_relays, &settings, &note),
        );
        match (postgres, redis, kafka) {
            (Ok(postgres), Ok(redis), Ok(kafka)) => Ok(Self {
                postgres,
                redis,
                kafka,
                place,
            }),
            (postgres, redis, kafka) => {
                let (postgres, postgres_error) = split(postgres.context("PostgreSQL"));
                let (redis, redis_error) = split(redis.context("Redis"));
                let (kafka, kafka_error) = split(kafka.context("Kafka"));
                stop(postgres.as_ref(), redis.as_ref(), kafka.as_ref()).await;
                let errors = [postgres_error, redis_error, kafka_error];
                let errors = errors
                    .into_iter()
                    .flatten()
                    .map(|error| format!("{error:#}"));
                anyhow::bail!(errors.collect::<Vec<_>>().join("\n"))
            }
        }
    }

    /// The folder they live in.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Stops all three. Their data stays.
    pub async fn stop(&self) {
        stop(Some(&self.postgres), Some(&self.redis), Some(&self.kafka)).await;
    }

    /// Stops all three and deletes everything they wrote.
    ///
    /// # Errors
    /// When the folder cannot be removed.
    pub async fn remove(&self) -> Result<()> {
        self.stop().await;
        self.place.remove()
    }
}

async fn stop(postgres: Option<&Postgres>, redis: Option<&Redis>, kafka: Option<&Kafka>) {
    tokio::join!(
        async {
            if let Some(postgres) = postgres {
                postgres.stop().await
            }
        },
        async {
            if let Some(redis) = redis {
                redis.stop().await
            }
        },
        async {
            if let Some(kafka) = kafka {
                kafka.stop().await
            }
        },
    );
}

fn split<T>(result: Result<T>) -> (Option<T>, Option<anyhow::Error>) {
    match result {
        Ok(value) => (Some(value), None),
        Err(error) => (None, Some(error)),
    }
}
