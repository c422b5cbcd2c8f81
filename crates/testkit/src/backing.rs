//! The backing services of a test run.

use std::env;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use glasshouse::backing;
use tokio::runtime::Runtime;

const POSTGRES: &str = "GLASSHOUSE_TEST_POSTGRES";
const REDIS: &str = "GLASSHOUSE_TEST_REDIS";
const KAFKA: &str = "GLASSHOUSE_TEST_KAFKA";

/// Where the shared backing services are.
#[derive(Clone, Debug)]
pub struct Backing {
    /// PostgreSQL, as an administrator.
    pub postgres: String,
    /// Redis.
    pub redis: String,
    /// Kafka's bootstrap brokers.
    pub kafka: String,
}

/// Private ones live on a runtime of their own: the one of the test that
/// happened to come first ends with it.
static PRIVATE: Mutex<Option<Arc<Private>>> = Mutex::new(None);

struct Private {
    addresses: Backing,
    _backing: backing::Backing,
    _runtime: Runtime,
}

impl Backing {
    /// Those of the run, else private ones that end with this process.
    ///
    /// # Panics
    /// When they cannot be started: no test can go on without them.
    pub async fn shared() -> Self {
        if let (Ok(postgres), Ok(redis), Ok(kafka)) =
            (env::var(POSTGRES), env::var(REDIS), env::var(KAFKA))
        {
            return Self {
                postgres,
                redis,
                kafka,
            };
        }
        let started = tokio::task::spawn_blocking(|| {
            let mut private = PRIVATE.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(private) = &*private {
                return Ok(private.addresses.clone());
            }
            let started = Arc::new(start()?);
            let addresses = started.addresses.clone();
            *private = Some(started);
            Ok::<_, anyhow::Error>(addresses)
        });
        started
            .await
            .expect("the thread that starts the backing services")
            .expect("backing services")
    }
}

fn start() -> Result<Private> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let backing = runtime
        .block_on(backing::Backing::start_temporary(
            backing::Options::for_tests(),
        ))
        .context("starting PostgreSQL, Redis and Kafka")?;
    Ok(Private {
        addresses: Backing {
            postgres: backing.postgres.admin_url(),
            redis: backing.redis.url(),
            kafka: backing.kafka.brokers(),
        },
        _backing: backing,
        _runtime: runtime,
    })
}
