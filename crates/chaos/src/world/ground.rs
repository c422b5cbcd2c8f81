//! What the services stand on: PostgreSQL, Kafka and Redis, and the proxies in
//! front of them. Several systems can use it, one after the other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use glasshouse::backing::{self, Backing, Options, Place, Port, Ports, PostgresOptions, Relay};
use testkit::Proxy;
use url::Url;

use crate::fault::{Link, Service, Store};

/// Where Debian puts the library that shows a process another time.
const FAKETIME: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

/// Running backing services, with a proxy on every way to them.
pub struct Ground {
    /// The servers.
    pub backing: Backing,
    /// Their folder, which the services' logs go into, too.
    pub place: Place,
    /// Free ports.
    pub ports: Ports,
    /// A client that keeps no connection: a service that is leaving resets idle
    /// ones, and that would look like a request that it cut.
    pub http: reqwest::Client,
    /// Shows a process another time, where it is installed.
    pub faketime: Option<PathBuf>,
    programs: PathBuf,
    proxies: BTreeMap<Link, Proxy>,
}

impl Ground {
    /// Starts everything in a temporary folder. `programs` is the folder of the
    /// services' programs.
    ///
    /// # Errors
    /// When something does not start, or would be a stand-in.
    pub async fn start(programs: &Path) -> Result<Arc<Self>> {
        let ports = Ports::any();
        let mut proxies = BTreeMap::new();
        let mut kafka_relays = Vec::new();
        for link in Link::ALL {
            if link.to == Store::Kafka {
                let listens = ports.pick(0)?;
                let proxy = Proxy::start(listens.address().to_string()).await;
                kafka_relays.push(Relay {
                    listens,
                    proxy: proxy.address,
                });
                proxies.insert(link, proxy);
            }
        }
        let options = Options {
            ports: ports.clone(),
            // As in production: an acknowledged commit is on disk.
            postgres: PostgresOptions {
                databases: Vec::new(),
                durable: true,
            },
            kafka_relays,
            ..Options::for_tests()
        };
        let place = backing::scratch()?;
        let backing = Backing::start(place.root(), options).await?;
        if let Some(why) = backing.kafka.instead_because() {
            backing.stop().await;
            bail!("a real Kafka is needed, and there is none: {why}");
        }
        if backing.redis.process().is_none() {
            backing.stop().await;
            bail!("a real Redis is needed: install the package redis-server");
        }
        let targets = [
            (Store::Postgres, backing.postgres.port()),
            (Store::Redis, backing.redis.port()),
        ];
        for (store, port) in targets {
            for link in Link::ALL.into_iter().filter(|link| link.to == store) {
                let proxy = Proxy::start(port.address().to_string()).await;
                proxies.insert(link, proxy);
            }
        }
        let http = reqwest::Client::builder()
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(20))
            .build()?;
        Ok(Arc::new(Self {
            place,
            backing,
            ports,
            http,
            faketime: FAKETIME
                .map(PathBuf::from)
                .into_iter()
                .find(|it| it.exists()),
            programs: programs.to_owned(),
            proxies,
        }))
    }

    /// The proxy on a way.
    ///
    /// # Panics
    /// Never: there is one on each.
    pub fn proxy(&self, link: Link) -> &Proxy {
        &self.proxies[&link]
    }

    /// A service's program.
    pub fn program(&self, service: Service) -> PathBuf {
        self.programs.join(service.name())
    }

    /// The launcher's program, which sends dead letters back.
    pub fn launcher(&self) -> PathBuf {
        self.programs.join("glasshouse")
    }

    /// The file that says by how much the worker's clock is off.
    pub fn clock(&self) -> PathBuf {
        self.place.root().join("clock")
    }

    /// A free port.
    ///
    /// # Errors
    /// When there is none.
    pub fn port(&self) -> Result<Port> {
        self.ports.pick(0)
    }

    /// What every instance of a service is told.
    ///
    /// # Errors
    /// When the database's address is none.
    pub fn environment(
        &self,
        service: Service,
        database: &str,
        prefix: &str,
    ) -> Result<BTreeMap<String, String>> {
        let address = |store| self.proxy(Link::new(service, store)).address;
        let mut url = Url::parse(database)?;
        let postgres = address(Store::Postgres);
        url.set_ip_host(postgres.ip())
            .ok()
            .and_then(|()| url.set_port(Some(postgres.port())).ok())
            .context("an address of PostgreSQL")?;
        let mut environment = BTreeMap::new();
        let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
        set("DATABASE_URL", url.to_string());
        set("KAFKA_BROKERS", address(Store::Kafka).to_string());
        set("TOPIC_PREFIX", prefix.to_owned());
        set("ENVIRONMENT", "chaos".into());
        set("LOG_LEVEL", "INFO".into());
        set("SHUTDOWN_DELAY_SECONDS", "0".into());
        set("SHUTDOWN_DEADLINE_SECONDS", "10".into());
        match service {
            Service::ChatGateway => {
                set("REDIS_URL", format!("redis://{}/", address(Store::Redis)));
            }
            Service::EventWorker => {
                if let Some(library) = &self.faketime {
                    std::fs::write(self.clock(), "+0")?;
                    set("LD_PRELOAD", library.display().to_string());
                    set(
                        "FAKETIME_TIMESTAMP_FILE",
                        self.clock().display().to_string(),
                    );
                    set("FAKETIME_CACHE_DURATION", "1".into());
                    set("FAKETIME_DONT_FAKE_MONOTONIC", "1".into());
                    set("FAKETIME_DONT_RESET", "1".into());
                }
            }
            Service::TodoApi => {}
        }
        Ok(environment)
    }

    /// Ends the servers, and deletes all of it.
    ///
    /// # Errors
    /// When the folder cannot be removed.
    pub async fn remove(&self) -> Result<()> {
        self.backing.remove().await
    }
}
