use std::{net::SocketAddr, str::FromStr, time::Duration};

use sqlx::postgres::PgConnectOptions;

use super::{Env, Secret};

/// What every service is configured with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Deployment environment, as in `development` or `production`.
    pub environment: String,
    /// Demo mode: published secrets and demo accounts are allowed.
    pub demo_mode: bool,
    /// Where the API listens. Nothing if the service has no public port.
    pub listen_address: Option<SocketAddr>,
    /// Where probes, metrics and profiles are answered.
    pub admin_address: SocketAddr,
    /// The service's own database.
    pub database_url: Secret,
    /// Most connections in the main pool.
    pub database_connections: u32,
    /// Bootstrap brokers, separated by commas.
    pub kafka_brokers: String,
    /// Put in front of every topic's and group's name, so that systems can
    /// share one broker.
    pub topic_prefix: String,
    /// Between "not ready" and the end of accepting, so that load balancers
    /// notice.
    pub shutdown_delay: Duration,
    /// Longest time from the signal to the exit.
    pub shutdown_deadline: Duration,
    /// Longest time a request may take to be answered.
    pub request_deadline: Duration,
    /// A request slower than this logs `slow_request`.
    pub slow_request: Duration,
    /// Longest time a request waits for a database connection.
    pub overload_wait: Duration,
    /// Most requests worked on at once.
    pub max_requests: usize,
    /// Most connections held at once on the public port.
    pub max_connections: usize,
    /// Workers of the async runtime.
    pub worker_threads: usize,
}

impl Settings {
    pub(crate) fn read(env: &mut Env, listens: Option<&'static str>, admin: &'static str) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let settings = Self {
            demo_mode: env.demo_mode(),
            environment: env.or(
                "ENVIRONMENT",
                "development",
                "Name of the deployment, on every signal",
            ),
            listen_address: listens.map(|default| {
                env.or(
                    "LISTEN_ADDRESS",
                    default,
                    "Address of the API; port 0 takes a free one",
                )
            }),
            admin_address: env.or(
                "ADMIN_LISTEN_ADDRESS",
                admin,
                "Address of probes, metrics, log level and profiles",
            ),
            database_url: env.required("DATABASE_URL", "PostgreSQL database of this service"),
            database_connections: env.or(
                "DATABASE_CONNECTIONS",
                10,
                "Most connections in the pool",
            ),
            kafka_brokers: env.or(
                "KAFKA_BROKERS",
                "127.0.0.1:9092",
                "Bootstrap brokers, separated by commas",
            ),
            topic_prefix: env.or("TOPIC_PREFIX", "", "Put in front of topic and group names"),
            shutdown_delay: env.or(
                "SHUTDOWN_DELAY_SECONDS",
                1,
                "From not ready to no longer accepting",
            ),
            shutdown_deadline: env.or(
                "SHUTDOWN_DEADLINE_SECONDS",
                25,
                "Longest time from signal to exit",
            ),
            request_deadline: env.or(
                "REQUEST_DEADLINE_SECONDS",
                10,
                "Longest time to answer a request",
            ),
            slow_request: env.or(
                "SLOW_REQUEST_SECONDS",
                1,
                "A slower request logs slow_request",
            ),
            overload_wait: env.or(
                "OVERLOAD_WAIT_SECONDS",
                0.5,
                "Longest wait of a request for a database connection; then 503",
            ),
            max_requests: env.or(
                "MAX_REQUESTS",
                1_000,
                "Most requests worked on at once; then 503",
            ),
            max_connections: env.or(
                "MAX_CONNECTIONS",
                10_000,
                "Most connections held on the public port",
            ),
            worker_threads: env
                .optional(
                    "TOKIO_WORKER_THREADS",
                    "Threads of the async runtime; unset: one for each core",
                )
                .unwrap_or(cores),
        };
        settings.check(env);
        settings
    }

    fn check(&self, env: &mut Env) {
        let url = self.database_url.expose();
        let postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
        let readable = postgres && PgConnectOptions::from_str(url).is_ok();
        if !url.is_empty() && !readable {
            env.problem(
                "DATABASE_URL",
                "is malformed: expected postgres://user:password@host/database",
            );
        }
        for (name, number) in [
            ("DATABASE_CONNECTIONS", self.database_connections as usize),
            ("MAX_CONNECTIONS", self.max_connections),
            ("MAX_REQUESTS", self.max_requests),
            ("TOKIO_WORKER_THREADS", self.worker_threads),
        ] {
            if number == 0 {
                env.problem(name, "must be at least 1");
            }
        }
        if self.request_deadline.is_zero() {
            env.problem("REQUEST_DEADLINE_SECONDS", "must be more than 0");
        }
        if self.shutdown_deadline <= self.shutdown_delay {
            env.problem(
                "SHUTDOWN_DEADLINE_SECONDS",
                "must be more than SHUTDOWN_DELAY_SECONDS",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> (Settings, Result<(), Vec<String>>) {
        let mut env = Env::from_pairs(pairs);
        let settings = Settings::read(&mut env, Some("127.0.0.1:8001"), "127.0.0.1:9101");
        let problems = env.finish().map_err(<[String]>::to_vec);
        (settings, problems)
    }

    #[test]
    fn only_the_database_is_required() {
        let (settings, problems) = read(&[("DATABASE_URL", "postgres://todo:k3y@localhost/todo")]);
        assert_eq!(problems, Ok(()));
        assert_eq!(settings.listen_address.unwrap().port(), 8001);
        assert_eq!(settings.admin_address.port(), 9101);
    }

    #[test]
    fn numbers_are_checked_together_at_the_start() {
        let (_, problems) = read(&[
            ("DATABASE_URL", "mysql:/nonsense"),
            ("DATABASE_CONNECTIONS", "0"),
            ("SHUTDOWN_DELAY_SECONDS", "60"),
            ("LISTEN_ADDRESS", "here"),
        ]);
        assert_eq!(problems.unwrap_err().len(), 4);
    }
}
