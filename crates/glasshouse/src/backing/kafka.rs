//! A private Kafka: one real node, or the in-process broker.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use super::mock_kafka::MockKafka;
use super::{Note, Place, Port, Ports, jars, node, topics};
use crate::supervise::Process;

/// Which Kafka to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KafkaChoice {
    /// A real node where there is Java, else the in-process broker.
    #[default]
    Auto,
    /// The in-process broker.
    Mock,
}

/// A listener that clients reach by a proxy. A broker tells its clients by which
/// address to come back: that of the proxy, or they would go round it.
#[derive(Clone, Copy, Debug)]
pub struct Relay {
    /// Where the node listens for the proxy.
    pub listens: Port,
    /// Where the proxy listens for clients.
    pub proxy: SocketAddr,
}

/// A running private Kafka. Clones are the same.
#[derive(Clone)]
pub struct Kafka(Kind);

#[derive(Clone)]
enum Kind {
    Node {
        process: Process,
        port: Port,
        metrics: Port,
        version: String,
    },
    Mock {
        broker: MockKafka,
        reason: String,
    },
}

impl Kafka {
    /// Starts it. `settings` is the folder with the project's own settings for
    /// a native node.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(
        place: &Place,
        ports: &Ports,
        choice: KafkaChoice,
        relays: &[Relay],
        settings: &Path,
        note: &Note,
    ) -> Result<Self> {
        let obstacle = match choice {
            KafkaChoice::Mock => Some("asked for"),
            KafkaChoice::Auto => jars::obstacle(),
        };
        if let Some(reason) = obstacle {
            let broker = MockKafka::start().await?;
            let reason = reason.to_owned();
            return Ok(Self(Kind::Mock { broker, reason }));
        }
        let jars = jars::get(&settings.join("pom.xml"), note).await?;
        let (port, metrics) = (ports.pick(19092)?, ports.pick(19404)?);
        let controller = ports.pick(19093)?;
        let ports = [port, controller, metrics];
        let process = node::start(place, settings, &jars.folder, ports, relays).await?;
        let version = jars.version;
        Ok(Self(Kind::Node {
            process,
            port,
            metrics,
            version,
        }))
    }

    /// The address for a client.
    pub fn brokers(&self) -> String {
        match &self.0 {
            Kind::Node { port, .. } => port.address().to_string(),
            Kind::Mock { broker, .. } => broker.brokers().to_owned(),
        }
    }

    /// Creates all topics, each name beginning with `prefix`.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn create_topics(&self, prefix: &str) -> Result<()> {
        match &self.0 {
            Kind::Node { .. } => topics::create_topics(&self.brokers(), prefix).await,
            Kind::Mock { broker, .. } => {
                broker
                    .create_topics(topics::names(prefix), topics::PARTITIONS)
                    .await
            }
        }
    }

    /// Where it listens; the in-process broker chooses by itself.
    pub fn port(&self) -> Option<Port> {
        match &self.0 {
            Kind::Node { port, .. } => Some(*port),
            Kind::Mock { .. } => None,
        }
    }

    /// Where its metrics are; the in-process broker has none.
    pub fn metrics(&self) -> Option<Port> {
        match &self.0 {
            Kind::Node { metrics, .. } => Some(*metrics),
            Kind::Mock { .. } => None,
        }
    }

    /// Its version; empty for the in-process broker.
    pub fn version(&self) -> &str {
        match &self.0 {
            Kind::Node { version, .. } => version,
            Kind::Mock { .. } => "",
        }
    }

    /// Why this is the in-process broker; `None` when it is a real node.
    pub fn instead_because(&self) -> Option<&str> {
        match &self.0 {
            Kind::Node { .. } => None,
            Kind::Mock { reason, .. } => Some(reason),
        }
    }

    /// Its process; `None` for the in-process broker.
    pub fn process(&self) -> Option<&Process> {
        match &self.0 {
            Kind::Node { process, .. } => Some(process),
            Kind::Mock { .. } => None,
        }
    }

    /// Stops it; its data stays.
    pub async fn stop(&self) {
        match &self.0 {
            Kind::Node { process, .. } => process.stop(Duration::from_secs(5)).await,
            // Nothing to do about a broker that is gone already.
            Kind::Mock { broker, .. } => drop(broker.down().await),
        }
    }

    /// Starts it again after [`Kafka::stop`], on the same port and data.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn resume(&self) -> Result<()> {
        match &self.0 {
            Kind::Node { process, .. } => process.start().await,
            Kind::Mock { broker, .. } => broker.up().await,
        }
    }
}

/// The project's settings for a native node.
pub(crate) fn settings_of(project: &Path) -> PathBuf {
    project.join("infra/kafka/native")
}
