//! All three services together.

use glasshouse::backing::topics;
use serde_json::json;

use crate::{
    Backing, Database, Kafka, KeyPair, OtlpReceiver, Record, Service, ServiceBuilder, Socket,
    eventually, unique,
};

/// What a system is started with.
pub struct SystemBuilder {
    /// The backing services, possibly behind proxies.
    pub backing: Backing,
    /// Where the services' telemetry goes.
    pub otlp: OtlpReceiver,
    /// Signs the tokens.
    pub keys: KeyPair,
    /// In front of every topic.
    pub prefix: String,
    databases: [Database; 3],
}

impl SystemBuilder {
    /// Databases, topics, keys and an OTLP receiver, but no service yet.
    ///
    /// # Panics
    /// When the backing services are not there.
    pub async fn new() -> Self {
        let backing = Backing::shared().await;
        let prefix = unique("t").replace('_', "") + ".";
        topics::create_topics(&backing.kafka, &prefix)
            .await
            .expect("topics");
        let databases = [
            Database::create(&backing, "todo-api").await,
            Database::create(&backing, "chat-gateway").await,
            Database::create(&backing, "event-worker").await,
        ];
        Self {
            backing,
            otlp: OtlpReceiver::start().await,
            keys: KeyPair::generate(),
            prefix,
            databases,
        }
    }

    /// The database of a service.
    ///
    /// # Panics
    /// When there is no such service.
    pub fn database(&self, service: &str) -> &Database {
        let index = ["todo-api", "chat-gateway", "event-worker"]
            .iter()
            .position(|name| *name == service);
        &self.databases[index.expect("a service")]
    }

    /// All that lies on a topic, once everything has left the outbox of the service
    /// that publishes there.
    ///
    /// # Panics
    /// When something stays in the outbox.
    pub async fn published(&self, service: &str, topic: &str) -> Vec<Record> {
        let pool = self.database(service).pool().await;
        eventually("the outbox is empty", || async {
            let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox")
                .fetch_one(&pool)
                .await
                .expect("a count");
            (waiting == 0).then_some(())
        })
        .await;
        let kafka = Kafka::new(&self.backing.kafka);
        kafka.read(&format!("{}{topic}", self.prefix)).await
    }

    fn service(&self, name: &str) -> ServiceBuilder {
        ServiceBuilder::new(name)
            .env("DATABASE_URL", &self.database(name).url)
            .env("KAFKA_BROKERS", &self.backing.kafka)
            .env("TOPIC_PREFIX", &self.prefix)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &self.otlp.endpoint)
            .env("DEMO_MODE", "true")
    }

    /// todo-api with all it needs, and no limit on what one user sends: tests send
    /// more at once than a person does.
    pub fn todo_api(&self) -> ServiceBuilder {
        self.service("todo-api")
            .env("RATE_LIMIT_PER_SECOND", "0")
            .env("AUTH_PUBLIC_KEY", self.keys.public_pem())
    }

    /// chat-gateway with all it needs, calling the todo-api at this address.
    pub fn chat_gateway(&self, todo_api: &str) -> ServiceBuilder {
        self.service("chat-gateway")
            .env("AUTH_PRIVATE_KEY", self.keys.private_pem())
            .env("REDIS_URL", &self.backing.redis)
            .env("TODO_API_URL", todo_api)
    }

    /// event-worker with all it needs.
    pub fn event_worker(&self) -> ServiceBuilder {
        self.service("event-worker")
    }

    /// Starts all three and waits until they are ready.
    pub async fn start(self) -> System {
        let (todo_api, event_worker) = (self.todo_api(), self.event_worker());
        let (todo_api, event_worker) = tokio::join!(todo_api.start(), event_worker.start());
        let gateway = self.chat_gateway(&todo_api.url("")).start().await;
        System {
            parts: self,
            todo_api,
            chat_gateway: gateway,
            event_worker,
            http: reqwest::Client::new(),
        }
    }
}

/// The running system.
pub struct System {
    /// What it was made of.
    pub parts: SystemBuilder,
    /// The Todo API.
    pub todo_api: Service,
    /// The gateway.
    pub chat_gateway: Service,
    /// The worker.
    pub event_worker: Service,
    /// A client.
    pub http: reqwest::Client,
}

impl System {
    /// All three with databases of their own.
    pub async fn start() -> Self {
        SystemBuilder::new().await.start().await
    }

    /// With which a scenario of the load generator finds this system.
    pub fn load_settings(&self) -> loadtest::Settings {
        let targets = [
            ("todo-api", self.todo_api.url("")),
            ("chat-gateway", self.chat_gateway.url("")),
            ("kafka", self.parts.backing.kafka.clone()),
        ];
        loadtest::Settings {
            targets: targets
                .map(|(name, address)| (name.to_owned(), address))
                .into(),
            values: [("topic_prefix".to_owned(), self.parts.prefix.clone())].into(),
            ..loadtest::Settings::default()
        }
    }

    /// Registers a new account and signs in: the access token.
    ///
    /// # Panics
    /// When the gateway does not let us.
    pub async fn sign_in(&self) -> String {
        let account = json!({
            "email": format!("{}@example.com", unique("user").replace('_', ".")),
            "password": "correct horse battery staple",
            "name": "Tester",
        });
        let register = self.chat_gateway.url("/api/auth/register");
        let registered = self
            .http
            .post(register)
            .json(&account)
            .send()
            .await
            .expect("register");
        assert!(
            registered.status().is_success(),
            "register: {}",
            registered.status()
        );
        let login = self.chat_gateway.url("/api/auth/login");
        let response = self
            .http
            .post(login)
            .json(&account)
            .send()
            .await
            .expect("login");
        assert_eq!(response.status(), 200, "login");
        let tokens: serde_json::Value = response.json().await.expect("tokens");
        tokens["access_token"]
            .as_str()
            .expect("access_token")
            .to_owned()
    }

    /// A socket that is signed in and ready.
    ///
    /// # Panics
    /// When the gateway does not let us.
    pub async fn socket(&self, token: &str) -> Socket {
        let mut socket = Socket::connect(&self.chat_gateway.url("/ws"), token)
            .await
            .expect("a WebSocket");
        socket.expect("ready").await;
        socket
    }
}
