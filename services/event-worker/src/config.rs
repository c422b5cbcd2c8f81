//! What the worker is configured with, besides what every service is.

use service::Env;

/// The worker's own configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The consumer group; workers of one group share the work.
    pub consumer_group: String,
}

impl Config {
    /// Reads it from the environment.
    pub fn read(env: &mut Env) -> Self {
        Self {
            consumer_group: env.or(
                "CONSUMER_GROUP",
                crate::NAME,
                "Consumer group; workers of one group share the work",
            ),
        }
    }
}
