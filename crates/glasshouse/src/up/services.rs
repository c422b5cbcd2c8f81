//! The three services as child processes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use url::Url;

use super::observability::Links;
use super::plan::{SERVICES, Service};
use super::programs;
use crate::backing::{Place, Port, Ports, Postgres, write_secret};
use crate::signing::{self, KeyFiles};
use crate::supervise::{self, Process, Ready, Spec};
use crate::{http, provision};

/// A service may take this long to end; all of the system has ten seconds.
const SHUTDOWN_DEADLINE_SECONDS: u32 = 5;

/// The services of this run: their addresses are settled before anything starts,
/// so that each can be told the others'.
pub(super) struct Services {
    folder: PathBuf,
    keys: KeyFiles,
    links: Links,
    settled: Vec<Settled>,
}

/// A service with the ports it will have.
#[derive(Clone, Copy)]
pub(super) struct Settled {
    pub service: Service,
    pub public: Option<Port>,
    pub admin: Port,
}

/// Each service with its ports.
pub(super) fn settle(ports: &Ports) -> Result<Vec<Settled>> {
    let settle = |service: Service| -> Result<Settled> {
        let (public, admin) = service.ports;
        let public = public.map(|port| ports.pick(port)).transpose()?;
        let admin = ports.pick(admin)?;
        Ok(Settled {
            service,
            public,
            admin,
        })
    };
    SERVICES.into_iter().map(settle).collect()
}

impl Services {
    pub(super) fn new(place: &Place, settled: Vec<Settled>, links: Links) -> Result<Self> {
        // Made here, so that it is there before anybody reads it.
        place.secret(provision::ALERT_TOKEN)?;
        Ok(Self {
            folder: programs::folder()?,
            keys: signing::ensure(place)?,
            links,
            settled,
        })
    }

    pub(super) fn all(&self) -> &[Settled] {
        &self.settled
    }

    /// Brings a service's database to its newest form.
    pub(super) async fn migrate(
        &self,
        place: &Place,
        postgres: &Postgres,
        settled: Settled,
    ) -> Result<()> {
        let name = settled.service.name;
        let mut environment = self.environment(place, postgres, settled)?;
        // Required, and not asked: migrations need the database alone, and so
        // need not wait for the others to be ready.
        environment.insert("REDIS_URL".into(), "redis://127.0.0.1/".into());
        let mut command = Command::new(self.folder.join(name));
        command
            .arg("--migrate")
            .envs(environment)
            .current_dir(place.root());
        supervise::run(command)
            .await
            .with_context(|| format!("migrations of {name}"))?;
        Ok(())
    }

    /// Starts a service and waits until it is ready.
    pub(super) async fn start(
        &self,
        place: &Place,
        postgres: &Postgres,
        backing: &BTreeMap<String, String>,
        settled: Settled,
    ) -> Result<Process> {
        let mut environment = self.environment(place, postgres, settled)?;
        environment.extend(backing.clone());
        let name = settled.service.name;
        let spec = Spec {
            name: name.to_owned(),
            program: self.folder.join(name),
            arguments: Vec::new(),
            environment,
            directory: place.root().to_owned(),
            account: None,
            stop_signal: Signal::SIGTERM,
            ready: Ready::Http(admin_url(settled.admin, "/health/ready")?),
            ready_within: Duration::from_secs(20),
        };
        place.start(spec).await
    }

    fn environment(
        &self,
        place: &Place,
        postgres: &Postgres,
        settled: Settled,
    ) -> Result<BTreeMap<String, String>> {
        let Settled {
            service,
            public,
            admin,
        } = settled;
        let database = place
            .secrets()
            .join(format!("{}-database-url", service.name));
        write_secret(&database, &postgres.url(service.database)?)?;
        let mut variables = BTreeMap::new();
        let mut set = |name: &str, value: String| {
            // Either a value or its file: what the user's shell holds of the
            // other would make the service refuse both.
            let other = match name.strip_suffix("_FILE") {
                Some(plain) => plain.to_owned(),
                None => format!("{name}_FILE"),
            };
            variables.insert(other, String::new());
            variables.insert(name.to_owned(), value);
        };
        if let Some(public) = public {
            set("LISTEN_ADDRESS", public.address().to_string());
        }
        set("ADMIN_LISTEN_ADDRESS", admin.address().to_string());
        set("DATABASE_URL_FILE", database.display().to_string());
        set("DEMO_MODE", "true".to_owned());
        // The launcher creates the topics, under these names.
        set("TOPIC_PREFIX", String::new());
        set("SHUTDOWN_DELAY_SECONDS", "0".to_owned());
        set(
            "SHUTDOWN_DEADLINE_SECONDS",
            SHUTDOWN_DEADLINE_SECONDS.to_string(),
        );
        match service.name {
            "todo-api" => set(
                "AUTH_PUBLIC_KEY_FILE",
                self.keys.public.display().to_string(),
            ),
            "chat-gateway" => {
                // A run of the load generator signs its users up from one address.
                set("REGISTRATIONS_PER_ADDRESS", "2000".to_owned());
                set(
                    "AUTH_PRIVATE_KEY_FILE",
                    self.keys.private.display().to_string(),
                );
                let token = place.secrets().join(provision::ALERT_TOKEN);
                set("ALERT_WEBHOOK_TOKEN_FILE", token.display().to_string());
                set("TODO_API_URL", self.address_of("todo-api")?);
                let worker = self.find("event-worker")?.admin;
                set(
                    "EVENT_WORKER_HEALTH_URL",
                    admin_url(worker, "/health/ready")?.to_string(),
                );
                let Links {
                    jaeger,
                    prometheus,
                    loki,
                    ..
                } = &self.links;
                for (name, link) in [
                    ("JAEGER_URL", jaeger),
                    ("PROMETHEUS_URL", prometheus),
                    ("LOKI_URL", loki),
                ] {
                    if let Some(link) = link {
                        set(name, link.clone());
                    }
                }
            }
            _ => {}
        }
        if let Some(endpoint) = &self.links.otlp {
            set("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.clone());
        }
        Ok(variables)
    }

    fn address_of(&self, name: &str) -> Result<String> {
        let port = self.find(name)?.public.context("no public port")?;
        Ok(format!("http://{}", port.address()))
    }

    fn find(&self, name: &str) -> Result<&Settled> {
        let found = self
            .settled
            .iter()
            .find(|settled| settled.service.name == name);
        found.context("no such service")
    }
}

/// The version that a running service gives itself.
pub(super) async fn version(admin: Port) -> Result<String> {
    let (_, answer) = http::get(&admin_url(admin, "/health")?).await?;
    let answer: serde_json::Value = serde_json::from_str(&answer)?;
    Ok(answer["version"].as_str().unwrap_or_default().to_owned())
}

fn admin_url(admin: Port, path: &str) -> Result<Url> {
    Ok(Url::parse(&format!("http://{}{path}", admin.address()))?)
}
