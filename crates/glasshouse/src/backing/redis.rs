//! A private Redis, or what stands in for it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::Signal;

use super::standin::StandIn;
use super::{Place, Port, Ports, programs};
use crate::supervise::{Process, Ready, Spec};

/// Which Redis to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedisChoice {
    /// The machine's `redis-server`; without one, the stand-in.
    #[default]
    Auto,
    /// The stand-in, even where there is a server.
    StandIn,
}

/// A running private Redis. Clones are the same server.
#[derive(Clone)]
pub struct Redis {
    kind: Kind,
    port: Port,
    version: String,
}

#[derive(Clone)]
enum Kind {
    Server(Process),
    StandIn(StandIn),
}

impl Redis {
    /// Starts it, empty.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(place: &Place, ports: &Ports, choice: RedisChoice) -> Result<Self> {
        let port = ports.pick(16379)?;
        let program = programs::find("redis-server").filter(|_| choice == RedisChoice::Auto);
        let Some(program) = program else {
            let kind = Kind::StandIn(StandIn::start(port.address())?);
            return Ok(Self {
                kind,
                port,
                version: String::new(),
            });
        };
        let spec = Spec {
            name: "redis".into(),
            // It holds a cache and passing messages: nothing worth a file.
            arguments: [
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--port",
            ]
            .map(str::to_owned)
            .into_iter()
            .chain([port.number.to_string()])
            .collect(),
            environment: BTreeMap::new(),
            directory: place.folder("redis")?,
            account: None,
            stop_signal: Signal::SIGTERM,
            ready: Ready::Redis(port.address()),
            ready_within: Duration::from_secs(10),
            program: program.clone(),
        };
        let process = place.start(spec).await?;
        let version = programs::version(&program, "--version").unwrap_or_default();
        Ok(Self {
            kind: Kind::Server(process),
            port,
            version,
        })
    }

    /// The address for a client.
    pub fn url(&self) -> String {
        format!("redis://{}/", self.port.address())
    }

    /// Where it listens.
    pub fn port(&self) -> Port {
        self.port
    }

    /// Its version; empty for the stand-in.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Its process; `None` for the stand-in.
    pub fn process(&self) -> Option<&Process> {
        match &self.kind {
            Kind::Server(process) => Some(process),
            Kind::StandIn(_) => None,
        }
    }

    /// Stops it.
    pub async fn stop(&self) {
        match &self.kind {
            Kind::Server(process) => process.stop(Duration::from_secs(2)).await,
            Kind::StandIn(stand_in) => stand_in.stop(),
        }
    }

    /// Starts it again after [`Redis::stop`], on the same port.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn resume(&self) -> Result<()> {
        match &self.kind {
            Kind::Server(process) => process.start().await,
            Kind::StandIn(stand_in) => stand_in.resume(),
        }
    }
}
