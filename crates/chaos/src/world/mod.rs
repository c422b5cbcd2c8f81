//! The system: real services on real backing services, a proxy on every way.

mod ground;
mod node;
mod processes;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use glasshouse::backing::topics;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{Backing, Database, Kafka, KeyPair};
use uuid::Uuid;

pub use ground::Ground;
pub use node::Node;
pub use processes::{kill_all, signal_all, tree};

use crate::fault::{Link, Service, Store, Topic};

/// How long the system may take to be ready again after a fault.
const RECOVERY: Duration = Duration::from_secs(60);

/// A user who writes.
#[derive(Clone, Debug)]
pub struct User {
    /// Who it is.
    pub id: Uuid,
    /// Valid longer than any run.
    pub token: String,
}

/// One system with databases and topics of its own.
pub struct World {
    /// What it stands on.
    pub ground: Arc<Ground>,
    /// In front of every topic and group.
    pub prefix: String,
    /// A client of the brokers that goes round the proxies.
    pub kafka: Kafka,
    /// Who writes.
    pub users: Vec<User>,
    /// The bug that was planted, if any.
    pub planted: String,
    nodes: [Node; 3],
    pools: BTreeMap<Service, PgPool>,
    /// The environment of each service, for further instances.
    environments: BTreeMap<Service, BTreeMap<String, String>>,
    /// Names of log files, the further instances' too.
    logs: Mutex<Vec<(Service, PathBuf)>>,
    run: String,
}

impl World {
    /// Starts it, with `users` accounts. `planted` is a bug for services that
    /// were built with some.
    ///
    /// # Errors
    /// When something does not start.
    pub async fn start(
        ground: Arc<Ground>,
        run: &str,
        users: usize,
        planted: Option<&str>,
    ) -> Result<Self> {
        let addresses = Backing {
            postgres: ground.backing.postgres.admin_url(),
            redis: ground.backing.redis.url(),
            kafka: ground.backing.kafka.brokers(),
        };
        let prefix = testkit::unique("c").replace('_', "") + ".";
        topics::create_topics(&addresses.kafka, &prefix).await?;
        let keys = KeyPair::generate();
        let mut pools = BTreeMap::new();
        let mut environments = BTreeMap::new();
        for service in Service::ALL {
            let database = Database::create(&addresses, service.name()).await;
            pools.insert(service, database.pool().await);
            let mut environment = ground.environment(service, &database.url, &prefix)?;
            match service {
                Service::TodoApi => {
                    environment.insert("AUTH_PUBLIC_KEY".into(), keys.public_pem());
                }
                Service::ChatGateway => {
                    environment.insert("AUTH_PRIVATE_KEY".into(), keys.private_pem());
                }
                Service::EventWorker => {}
            }
            environment.insert("PLANTED_BUG".into(), planted.unwrap_or_default().into());
            environments.insert(service, environment);
        }
        let todo = Node::start(&ground, run, Service::TodoApi, &environments).await?;
        if let Some(gateway) = environments.get_mut(&Service::ChatGateway) {
            gateway.insert("TODO_API_URL".into(), todo.url(""));
        }
        let gateway = Node::start(&ground, run, Service::ChatGateway, &environments).await?;
        let worker = Node::start(&ground, run, Service::EventWorker, &environments).await?;
        let mut world = Self {
            kafka: Kafka::new(&addresses.kafka),
            ground,
            prefix,
            users: Vec::new(),
            planted: planted.unwrap_or_default().to_owned(),
            nodes: [todo, gateway, worker],
            pools,
            environments,
            logs: Mutex::default(),
            run: run.to_owned(),
        };
        for service in Service::ALL {
            world.keep_log(service, world.node(service).log());
        }
        world.ready().await?;
        for n in 0..users {
            let id = world.register(n).await?;
            let token = keys.token(id, 48 * 3600);
            world.users.push(User { id, token });
        }
        Ok(world)
    }

    /// A service.
    pub fn node(&self, service: Service) -> &Node {
        &self.nodes[service as usize]
    }

    /// Its database, seen past the proxy.
    pub fn pool(&self, service: Service) -> &PgPool {
        &self.pools[&service]
    }

    /// A topic's name at the broker.
    pub fn topic(&self, topic: Topic) -> String {
        format!("{}{}", self.prefix, topic.name())
    }

    /// The name of a topic's group of readers at the broker.
    pub fn group(&self, topic: Topic) -> String {
        format!("{}{}", self.prefix, topic.reader().name())
    }

    /// Where the instances of a service wrote their logs.
    pub fn logs(&self, service: Service) -> Vec<PathBuf> {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let of = logs.iter().filter(|(of, _)| *of == service);
        of.map(|(_, path)| path.clone()).collect()
    }

    /// An instance that comes back under its name goes on in the same file, which
    /// is to be read once.
    fn keep_log(&self, service: Service, path: PathBuf) {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if !logs.iter().any(|(_, known)| *known == path) {
            logs.push((service, path));
        }
    }

    /// One more worker.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn another_worker(&self, name: &str) -> Result<Node> {
        let run = format!("{}-{name}", self.run);
        let node = Node::start(&self.ground, &run, Service::EventWorker, &self.environments).await;
        let node = node?;
        self.keep_log(Service::EventWorker, node.log());
        Ok(node)
    }

    /// Waits until every service is ready.
    ///
    /// # Errors
    /// When one of them is not after a minute.
    pub async fn ready(&self) -> Result<()> {
        let deadline = Instant::now() + RECOVERY;
        for node in &self.nodes {
            while !node.is_ready().await {
                if Instant::now() > deadline {
                    bail!("{} is not ready after {RECOVERY:?}", node.name());
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    /// Opens every way again.
    pub fn restore_links(&self) {
        for link in Link::ALL {
            self.ground.proxy(link).restore();
        }
    }

    /// What services ended without being asked to.
    pub fn deaths(&self) -> Vec<String> {
        self.nodes.iter().flat_map(Node::deaths).collect()
    }

    /// Ends the services, in order.
    pub async fn stop(&self) {
        for node in &self.nodes {
            node.hold();
            node.process().stop(Duration::from_secs(12)).await;
        }
        for pool in self.pools.values() {
            pool.close().await;
        }
    }

    async fn register(&self, n: usize) -> Result<Uuid> {
        let account = json!({
            "email": format!("user{n}@example.com"),
            "password": "correct horse battery staple",
            "name": format!("User {n}"),
        });
        let url = self.node(Service::ChatGateway).url("/api/auth/register");
        let response = self.ground.http.post(url).json(&account).send().await?;
        let response = response.error_for_status()?;
        let answer: Value = response.json().await?;
        let id = answer["user"]["id"].as_str().context("user.id")?;
        Ok(id.parse()?)
    }
}

/// What a store's processes are called by the launcher.
pub fn store_process(ground: &Ground, store: Store) -> Result<&glasshouse::supervise::Process> {
    match store {
        Store::Postgres => Ok(ground.backing.postgres.process()),
        Store::Kafka => ground.backing.kafka.process().context("no real Kafka"),
        Store::Redis => ground.backing.redis.process().context("no real Redis"),
    }
}
