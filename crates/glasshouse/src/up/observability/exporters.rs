//! What speaks to Prometheus for those who do not themselves.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::plan::{BLACKBOX, NODE_EXPORTER, POSTGRES_EXPORTER, REDIS_EXPORTER};
use super::ahead::{Ahead, Part, Site, Start, answers, at, url};
use super::packaged::{self, Packaged};
use crate::backing::{Port, Postgres, Redis};
use crate::supervise::Ready;
use crate::tools::Found;

/// The collectors that rules and dashboards read.
const NODE_COLLECTORS: [&str; 9] = [
    "cpu",
    "meminfo",
    "filesystem",
    "diskstats",
    "netdev",
    "loadavg",
    "time",
    "uname",
    "pressure",
];

/// Somebody who is asked from outside whether he is ready.
pub(super) struct Probed {
    pub service: &'static str,
    pub url: String,
}

impl Site<'_> {
    pub(super) fn node_exporter(self) -> Result<Part> {
        packaged::NODE.part(|found| {
            let port = self.ports.pick(9100)?;
            let mut arguments = vec![
                format!("--web.listen-address={}", port.address()),
                "--collector.disable-defaults".to_owned(),
            ];
            arguments.extend(NODE_COLLECTORS.map(|name| format!("--collector.{name}")));
            Ok(self.exporter(NODE_EXPORTER, "node", found, arguments, Vec::new(), port))
        })
    }

    /// Asks everybody by the module of infra/blackbox/config.yml.
    pub(super) fn blackbox(self, probed: &[Probed]) -> Result<Part> {
        packaged::BLACKBOX_EXPORTER.part(|found| {
            let port = self.ports.pick(9115)?;
            let config = self.infra("blackbox").join("config.yml");
            let start = Start {
                name: BLACKBOX,
                found,
                arguments: vec![
                    format!("--config.file={}", config.display()),
                    format!("--web.listen-address={}", port.address()),
                ],
                environment: Vec::new(),
                ready: answers(port, "/-/healthy")?,
            };
            let asked: Vec<Value> = probed.iter().map(|probed| group(probed, port)).collect();
            let targets = vec![("blackbox", asked.into()), (BLACKBOX, at(port))];
            Ok(self.ahead(start, url(port), vec![port], targets))
        })
    }

    /// Once PostgreSQL runs; `None` when it did not come up.
    pub(in crate::up) async fn postgres_exporter(self, postgres: Option<Postgres>) -> Result<Part> {
        let Some(postgres) = postgres else {
            return Ok(packaged::POSTGRES.off("PostgreSQL did not start"));
        };
        // Without the program nobody needs the role.
        if packaged::POSTGRES.find().is_some() {
            let password = self.place.secret(MONITOR_SECRET)?;
            let monitor = postgres.monitor(MONITOR, &password).await;
            monitor.context("a role for the exporter")?;
        }
        packaged::POSTGRES.part(|found| {
            let port = self.ports.pick(9187)?;
            let arguments = vec![format!("--web.listen-address={}", port.address())];
            let database = postgres.port().address();
            let password = self.place.secrets().join(MONITOR_SECRET);
            let environment = vec![
                (
                    "DATA_SOURCE_URI",
                    format!("{database}/postgres?sslmode=disable"),
                ),
                ("DATA_SOURCE_USER", MONITOR.to_owned()),
                ("DATA_SOURCE_PASS_FILE", password.display().to_string()),
            ];
            let name = POSTGRES_EXPORTER;
            Ok(self.exporter(name, "postgres", found, arguments, environment, port))
        })
    }

    /// Once Redis runs; `None` when it did not come up.
    pub(in crate::up) fn redis_exporter(self, redis: Option<&Redis>) -> Result<Part> {
        let Some(redis) = redis else {
            return Ok(packaged::REDIS.off("Redis did not start"));
        };
        if redis.process().is_none() {
            return Ok(packaged::REDIS.off("the stand-in for Redis has no statistics"));
        }
        packaged::REDIS.part(|found| {
            let port = self.ports.pick(9121)?;
            let arguments = vec![format!("--web.listen-address={}", port.address())];
            let environment = vec![("REDIS_ADDR", redis.url())];
            let name = REDIS_EXPORTER;
            Ok(self.exporter(name, "redis", found, arguments, environment, port))
        })
    }

    fn exporter(
        self,
        name: &'static str,
        job: &'static str,
        found: Found,
        arguments: Vec<String>,
        environment: Vec<(&str, String)>,
        port: Port,
    ) -> Ahead {
        let start = Start {
            name,
            found,
            arguments,
            environment,
            ready: Ready::Port(port.address()),
        };
        self.ahead(start, url(port), vec![port], vec![(job, at(port))])
    }
}

/// The role that may read statistics, as in infra/postgres/init.sh.
const MONITOR: &str = "exporter";
const MONITOR_SECRET: &str = "postgres-exporter";

fn group(probed: &Probed, exporter: Port) -> Value {
    json!({
        "targets": [probed.url],
        "labels": {
            "module": "http_2xx",
            "exporter": exporter.address().to_string(),
            "service": probed.service,
        },
    })
}

impl Packaged {
    fn part(&self, start: impl FnOnce(Found) -> Result<Ahead>) -> Result<Part> {
        match self.find() {
            Some(found) => start(found).map(Part::from),
            None => Ok(self.missing()),
        }
    }
}
