//! What chat-gateway is configured with, besides what every service is.

use std::time::Duration;

use service::{Env, Secret};

use crate::accounts::Signer;
use crate::alerts::Token;

/// The value of `REDIS_URL` for a gateway that is alone.
const LOCAL: &str = "local";

/// The configuration of chat-gateway.
#[derive(Clone)]
pub struct Config {
    /// Where the fan-out happens; nothing for within this process.
    pub redis: Option<redis::Client>,
    /// Signs access tokens. Always there once the configuration was accepted.
    pub signer: Option<Signer>,
    /// Where todo-api is.
    pub todo_api_url: String,
    /// Longest time for a call of todo-api.
    pub todo_api_timeout: Duration,
    /// Where event-worker tells whether it is ready, if that can be reached.
    pub event_worker_health_url: Option<String>,
    /// Links of the web page.
    pub links: Links,
    /// Most sockets in total.
    pub max_sockets: usize,
    /// Most sockets of one user.
    pub max_sockets_per_user: usize,
    /// Most frames that wait for one socket.
    pub socket_queue: usize,
    /// How often a silent socket is pinged.
    pub socket_ping: Duration,
    /// After this long without a sign of life a socket is closed.
    pub socket_silence: Duration,
    /// Frames of one socket that are handled in a second; it waits beyond that.
    pub socket_rate: u32,
    /// Failed sign-ins for one account in five minutes.
    pub login_attempts_per_account: u32,
    /// Failed sign-ins from one address in five minutes.
    pub login_attempts_per_address: u32,
    /// New accounts from one address in five minutes.
    pub registrations_per_address: u32,
    /// Passwords hashed at the same time.
    pub password_concurrency: usize,
    /// What Alertmanager says to be let in; without it nobody is.
    pub alert_webhook_token: Option<Token>,
    /// Proxies in front whose `X-Forwarded-For` is believed.
    pub trusted_proxies: usize,
}

/// Where people look things up; each only if it is configured.
#[derive(Clone, Debug, Default, serde::Serialize, utoipa::ToSchema)]
pub struct Links {
    /// Traces.
    #[schema(required = true)]
    pub jaeger_url: Option<String>,
    /// Metrics.
    #[schema(required = true)]
    pub prometheus_url: Option<String>,
    /// Logs.
    #[schema(required = true)]
    pub loki_url: Option<String>,
}

impl Config {
    /// Reads the configuration; problems are collected by `env`.
    pub fn read(env: &mut Env) -> Self {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let config = Self {
            redis: redis(env),
            signer: signer(env),
            todo_api_url: env.or("TODO_API_URL", "http://127.0.0.1:8001", "Where todo-api is"),
            todo_api_timeout: env.or(
                "TODO_API_TIMEOUT_SECONDS",
                5,
                "Longest time for a call of todo-api",
            ),
            event_worker_health_url: env.optional(
                "EVENT_WORKER_HEALTH_URL",
                "Readiness of event-worker, for the web page's state of the system",
            ),
            links: Links {
                jaeger_url: env.optional("JAEGER_URL", "Link of the web page to traces"),
                prometheus_url: env.optional("PROMETHEUS_URL", "Link of the web page to metrics"),
                loki_url: env.optional("LOKI_URL", "Link of the web page to logs"),
            },
            max_sockets: env.or("SOCKETS_MAX", 10_000, "Most WebSockets in total"),
            max_sockets_per_user: env.or("SOCKETS_PER_USER", 20, "Most WebSockets of one user"),
            socket_queue: env.or(
                "SOCKET_QUEUE_FRAMES",
                256,
                "Most frames that wait for one WebSocket",
            ),
            socket_ping: env.or("SOCKET_PING_SECONDS", 20, "How often a WebSocket is pinged"),
            socket_silence: env.or(
                "SOCKET_SILENCE_SECONDS",
                50,
                "A WebSocket silent for longer is closed",
            ),
            socket_rate: env.or(
                "SOCKET_FRAMES_PER_SECOND",
                50,
                "Frames handled for one WebSocket in a second",
            ),
            login_attempts_per_account: env.or(
                "LOGIN_ATTEMPTS_PER_ACCOUNT",
                20,
                "Failed sign-ins for one account in five minutes",
            ),
            login_attempts_per_address: env.or(
                "LOGIN_ATTEMPTS_PER_ADDRESS",
                100,
                "Failed sign-ins from one address in five minutes",
            ),
            registrations_per_address: env.or(
                "REGISTRATIONS_PER_ADDRESS",
                100,
                "New accounts from one address in five minutes",
            ),
            password_concurrency: env
                .optional(
                    "PASSWORD_CONCURRENCY",
                    "Passwords hashed at the same time; unset: one for each core",
                )
                .unwrap_or_else(cores),
            alert_webhook_token: alert_webhook_token(env),
            trusted_proxies: env.or(
                "TRUSTED_PROXIES",
                0,
                "Proxies in front whose X-Forwarded-For is believed",
            ),
        };
        config.check(env);
        config
    }

    fn check(&self, env: &mut Env) {
        let links = &self.links;
        for (name, url) in [
            ("TODO_API_URL", Some(&self.todo_api_url)),
            (
                "EVENT_WORKER_HEALTH_URL",
                self.event_worker_health_url.as_ref(),
            ),
            ("JAEGER_URL", links.jaeger_url.as_ref()),
            ("PROMETHEUS_URL", links.prometheus_url.as_ref()),
            ("LOKI_URL", links.loki_url.as_ref()),
        ] {
            let parsed = url.map(|url| reqwest::Url::parse(url).ok());
            match parsed.flatten().as_ref().map(reqwest::Url::scheme) {
                Some("http" | "https") => {}
                _ if url.is_none() => {}
                _ => env.problem(name, "is malformed: expected http://host:port"),
            }
        }
        for (name, number) in [
            ("SOCKETS_MAX", self.max_sockets),
            ("SOCKETS_PER_USER", self.max_sockets_per_user),
            ("SOCKET_QUEUE_FRAMES", self.socket_queue),
            ("SOCKET_FRAMES_PER_SECOND", self.socket_rate as usize),
            ("PASSWORD_CONCURRENCY", self.password_concurrency),
        ] {
            if number == 0 {
                env.problem(name, "must be at least 1");
            }
        }
        if self.socket_ping.is_zero() || self.socket_silence <= self.socket_ping {
            env.problem(
                "SOCKET_SILENCE_SECONDS",
                "must be more than SOCKET_PING_SECONDS, which must be more than 0",
            );
        }
    }
}

fn redis(env: &mut Env) -> Option<redis::Client> {
    let url: Secret = env.required(
        "REDIS_URL",
        "Redis for the fan-out between gateways; `local` for a gateway that is alone",
    );
    match url.expose() {
        "" | LOCAL => None,
        url => {
            let client = redis::Client::open(url).ok();
            if client.is_none() {
                env.problem("REDIS_URL", "is malformed: expected redis://host:port");
            }
            client
        }
    }
}

fn alert_webhook_token(env: &mut Env) -> Option<Token> {
    let token: Option<Secret> = env.optional(
        "ALERT_WEBHOOK_TOKEN",
        "Bearer token of Alertmanager, whose alerts are told in the room #ops; unset: nobody's are",
    );
    token.map(|token| Token::new(token.expose()))
}

fn signer(env: &mut Env) -> Option<Signer> {
    let private: Secret = env.required(
        "AUTH_PRIVATE_KEY",
        "Ed25519 key that signs tokens (PKCS#8, PEM)",
    );
    let previous: String = env.or(
        "AUTH_PREVIOUS_PUBLIC_KEYS",
        "",
        "Public keys (PEM) whose tokens are still accepted while the key is rotated",
    );
    if private.expose().is_empty() {
        return None;
    }
    match Signer::from_pem(private.expose(), &previous) {
        Ok(signer) => Some(signer),
        Err((name, why)) => {
            env.problem(name, why);
            None
        }
    }
}
