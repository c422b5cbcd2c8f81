//! Starts everything, each part as soon as what it needs is there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::{join_all, try_join_all};
use nix::sys::signal::Signal;
use tokio::sync::oneshot;
use tokio::task::{JoinSet, spawn_blocking};

use super::Options;
use super::observability::{self, Ahead, Part, Site, at};
use super::plan::{
    KAFKA, POSTGRES, POSTGRES_EXPORTER, PROBE, PROBE_EVERY, PROBE_PORT, REDIS, REDIS_EXPORTER,
    SERVICES,
};
use super::services::{self, Services, Settled};
use super::show::Show;
use super::targets::Targets;
use crate::backing::{
    Kafka, MOCK_KAFKA_LIMITS, Note, Place, Port, Ports, Postgres, PostgresOptions, Redis, kafka,
    programs,
};
use crate::components::{Component, State};
use crate::supervise::{Process, Ready, Spec};

/// Watchers of every process; they stop watching when this is dropped.
pub(super) type Watchers = JoinSet<()>;

/// Told of PostgreSQL and Redis as soon as they run.
struct Announced {
    postgres: oneshot::Sender<Postgres>,
    redis: oneshot::Sender<Redis>,
}

/// Waits for them; told nothing when they do not come up.
struct Exported {
    postgres: oneshot::Receiver<Postgres>,
    redis: oneshot::Receiver<Redis>,
}

impl Announced {
    fn pair() -> (Self, Exported) {
        let (postgres, waits_for_postgres) = oneshot::channel();
        let (redis, waits_for_redis) = oneshot::channel();
        let exported = Exported {
            postgres: waits_for_postgres,
            redis: waits_for_redis,
        };
        (Self { postgres, redis }, exported)
    }
}

/// A start under way.
pub(super) struct Launch {
    pub place: Place,
    pub project: PathBuf,
    pub ports: Ports,
    pub show: Show,
    pub options: Options,
}

impl Launch {
    /// Starts everything. What is already up when this fails or is dropped stays
    /// in the list of the place.
    pub(super) async fn start(&self) -> Result<Watchers> {
        let targets = Targets::begin(&self.place)?;
        let settled = services::settle(&self.ports)?;
        let (parts, links) = observability::settle(self.site(), &settled, self.options.tools)?;
        let services = Services::new(&self.place, settled, links)?;
        let (backing, exported) = Announced::pair();
        let observed = async {
            join_all(parts.into_iter().map(|part| self.part(part, &targets))).await;
        };
        let (serving, (), ()) = tokio::join!(
            self.serving(&services, &targets, backing),
            observed,
            self.exporters(exported, &targets),
        );
        serving?;
        self.probe(&targets).await;
        let mut watchers = Watchers::new();
        for process in self.place.processes() {
            // One that never came up has said so already.
            if process.pid().is_some() {
                watchers.spawn(self.show.clone().watch(process));
            }
        }
        Ok(watchers)
    }

    fn site(&self) -> Site<'_> {
        Site {
            place: &self.place,
            project: &self.project,
            ports: &self.ports,
            preset: self.options.preset,
        }
    }

    async fn serving(
        &self,
        services: &Services,
        targets: &Targets,
        announced: Announced,
    ) -> Result<()> {
        let Announced {
            postgres: postgres_is_up,
            redis: redis_is_up,
        } = announced;
        let databases = async {
            let postgres = self.postgres().await?;
            // Whoever waits for it may be gone.
            let _ = postgres_is_up.send(postgres.clone());
            let migrate = |settled: &Settled| services.migrate(&self.place, &postgres, *settled);
            try_join_all(services.all().iter().map(migrate)).await?;
            Ok(postgres)
        };
        let cache = async {
            let redis = self.redis().await?;
            let _ = redis_is_up.send(redis.clone());
            Ok(redis)
        };
        let (postgres, redis, kafka) = tokio::try_join!(databases, cache, self.kafka(targets))?;
        let mut backing = BTreeMap::new();
        backing.insert("REDIS_URL".to_owned(), redis.url());
        backing.insert("KAFKA_BROKERS".to_owned(), kafka.brokers());
        let start =
            |settled: &Settled| self.service(services, &postgres, &backing, targets, *settled);
        try_join_all(services.all().iter().map(start)).await?;
        Ok(())
    }

    async fn postgres(&self) -> Result<Postgres> {
        let databases = SERVICES
            .iter()
            .map(|service| service.database.to_owned())
            .collect();
        let options = PostgresOptions {
            databases,
            durable: true,
        };
        let start = |_| Postgres::start(&self.place, &self.ports, &options);
        self.show
            .bring(POSTGRES, start, |postgres, row| {
                row.at("postgres://", postgres.port());
                row.version = postgres.version().to_owned();
                row.pid = postgres.process().pid();
            })
            .await
    }

    async fn redis(&self) -> Result<Redis> {
        let start = |_| Redis::start(&self.place, &self.ports, self.options.redis);
        self.show
            .bring(REDIS, start, |redis, row| {
                row.at("redis://", redis.port());
                row.version = redis.version().to_owned();
                row.pid = redis.process().and_then(Process::pid);
                if redis.process().is_none() {
                    row.what =
                        "stand-in for Redis in the launcher: cache, fan-out, nothing kept".into();
                    row.notes.push(
                        "not a real Redis: the few commands that the services use, no more".into(),
                    );
                    row.command = Some("make demo (installs the package redis-server)".into());
                }
            })
            .await
    }

    async fn kafka(&self, targets: &Targets) -> Result<Kafka> {
        let settings = kafka::settings_of(&self.project);
        let start = |note: Note| async move {
            let choice = self.options.kafka;
            let kafka =
                Kafka::start(&self.place, &self.ports, choice, &[], &settings, &note).await?;
            kafka.create_topics("").await.context("creating topics")?;
            Ok(kafka)
        };
        let kafka = self
            .show
            .bring(KAFKA, start, |kafka, row| {
                match kafka.port() {
                    Some(port) => row.at("", port),
                    None => row.address = Some(kafka.brokers()),
                }
                row.notes.extend(kafka.metrics().and_then(|port| {
                    port.instead_of
                        .map(|wanted| format!("port {wanted} is taken: {} instead", port.number))
                }));
                row.version = kafka.version().to_owned();
                row.pid = kafka.process().and_then(Process::pid);
                if let Some(reason) = kafka.instead_because() {
                    row.what = "in-process broker of librdkafka: events between services".into();
                    row.notes
                        .push(format!("not a real Kafka ({reason}): {MOCK_KAFKA_LIMITS}"));
                    row.command =
                        Some("make demo (installs default-jre-headless and maven)".into());
                }
            })
            .await?;
        if let Some(metrics) = kafka.metrics() {
            targets.add(KAFKA, &at(metrics))?;
        }
        Ok(kafka)
    }

    async fn service(
        &self,
        services: &Services,
        postgres: &Postgres,
        backing: &BTreeMap<String, String>,
        targets: &Targets,
        settled: Settled,
    ) -> Result<()> {
        let name = settled.service.name;
        let start = |_| async {
            let process = services
                .start(&self.place, postgres, backing, settled)
                .await?;
            let version = services::version(settled.admin).await.unwrap_or_default();
            Ok((process, version))
        };
        self.show
            .bring(name, start, |(process, version), row| {
                match settled.public {
                    Some(port) => row.at("http://", port),
                    None => row.address = None,
                }
                row.admin = Some(format!("http://{}", settled.admin.address()));
                row.notice(settled.admin);
                row.version.clone_from(version);
                row.pid = process.pid();
            })
            .await?;
        targets.add(name, &at(settled.admin))
    }

    /// The journey's probe: this program once more, as a process of its own, as
    /// in a container. Nothing waits for it.
    async fn probe(&self, targets: &Targets) {
        if self.options.once || !self.options.journey {
            return self.show.board.update(PROBE, |row| {
                row.state = State::Off;
                row.notes = vec!["left out by --once or --no-journey".into()];
                row.command = Some("glasshouse up".into());
            });
        }
        let start = |_| async {
            let port = self.ports.pick(PROBE_PORT)?;
            let home = self.place.root().display().to_string();
            let every = PROBE_EVERY.as_secs().to_string();
            let spec = Spec {
                name: PROBE.to_owned(),
                program: std::env::current_exe()?,
                arguments: ["--home", &home, "journey", "--every", &every, "--metrics"]
                    .map(ToOwned::to_owned)
                    .into_iter()
                    .chain([port.address().to_string()])
                    .collect(),
                environment: BTreeMap::new(),
                directory: self.project.clone(),
                account: None,
                stop_signal: Signal::SIGTERM,
                ready: Ready::Port(port.address()),
                ready_within: Duration::from_secs(10),
            };
            let process = self.place.start(spec).await?;
            targets.add(PROBE, &at(port))?;
            Ok((process, port))
        };
        let describe = |(process, port): &(Process, Port), row: &mut Component| {
            row.admin = Some(format!("http://{}", port.address()));
            row.notice(*port);
            row.version = env!("CARGO_PKG_VERSION").to_owned();
            row.pid = process.pid();
        };
        if let Err(error) = self.show.bring(PROBE, start, describe).await {
            self.show.progress.say(&format!("{error:#}"));
        }
    }

    /// What speaks for PostgreSQL and Redis, each once that runs.
    async fn exporters(&self, exported: Exported, targets: &Targets) {
        let Exported { postgres, redis } = exported;
        let start = async |name, part: Result<Part>| match part {
            Ok(part) => self.part(part, targets).await,
            Err(error) => self.show.board.update(name, |row| {
                row.state = State::Failed;
                row.notes.push(format!("{error:#}"));
            }),
        };
        let site = self.site();
        let postgres = async {
            let part = site.postgres_exporter(postgres.await.ok()).await;
            start(POSTGRES_EXPORTER, part).await;
        };
        let redis = async {
            let part = site.redis_exporter(redis.await.ok().as_ref());
            start(REDIS_EXPORTER, part).await;
        };
        tokio::join!(postgres, redis);
    }

    /// One that nothing waits for: that it fails is a row of the table.
    async fn part(&self, part: Part, targets: &Targets) {
        let ahead = match part {
            Part::Found(ahead) => *ahead,
            Part::Off { name, why, command } => {
                return self.show.board.update(name, |row| {
                    row.state = State::Off;
                    row.notes = vec![why];
                    row.command = Some(command);
                });
            }
        };
        let Ahead {
            name,
            version,
            spec,
            address,
            ports,
            targets: jobs,
        } = ahead;
        let program = spec.program.clone();
        let version = async {
            if !version.is_empty() {
                return version;
            }
            let asked = spawn_blocking(move || programs::version(&program, "--version"));
            asked.await.ok().flatten().unwrap_or_default()
        };
        let start = |_| async {
            let (process, version) = tokio::join!(self.place.start(spec), version);
            let process = process?;
            for (job, groups) in jobs {
                targets.add(job, &groups)?;
            }
            Ok((process, version))
        };
        let describe = |(process, version): &(Process, String), row: &mut Component| {
            row.address = Some(address);
            row.version.clone_from(version);
            row.pid = process.pid();
            ports.into_iter().for_each(|port| row.notice(port));
        };
        if let Err(error) = self.show.bring(name, start, describe).await {
            self.show.progress.say(&format!("{error:#}"));
        }
    }
}
