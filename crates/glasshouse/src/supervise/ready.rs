//! When a started process counts as ready.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use sqlx::Connection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use url::Url;

use crate::http;

/// A condition that can be asked again and again.
#[derive(Clone, Debug)]
pub enum Ready {
    /// Something accepts connections there.
    Port(SocketAddr),
    /// A GET is answered with success.
    Http(Url),
    /// A PostgreSQL server accepts this login.
    Postgres(String),
    /// A Redis server answers PING.
    Redis(SocketAddr),
    /// A Kafka broker tells what it holds; its port is open a moment earlier.
    Kafka(SocketAddr),
}

impl Ready {
    /// Asks once, for a second at most.
    ///
    /// # Errors
    /// When it is not ready, with what was seen instead.
    pub async fn check(&self) -> Result<()> {
        timeout(Duration::from_secs(1), self.ask())
            .await
            .context("no answer within a second")?
    }

    async fn ask(&self) -> Result<()> {
        match self {
            Self::Port(address) => drop(TcpStream::connect(address).await?),
            Self::Http(url) => {
                let (status, body) = http::get(url).await?;
                ensure!(status.is_success(), "{status} {}", body.trim());
            }
            Self::Postgres(url) => {
                let mut connection = sqlx::PgConnection::connect(url).await?;
                connection.ping().await?;
            }
            Self::Kafka(address) => {
                // A client is costly to make: not before somebody listens.
                drop(TcpStream::connect(address).await?);
                let address = *address;
                spawn_blocking(move || ask_kafka(address)).await??;
            }
            Self::Redis(address) => {
                let mut stream = TcpStream::connect(address).await?;
                stream.write_all(b"PING\r\n").await?;
                let mut answer = [0; 5];
                stream.read_exact(&mut answer).await?;
                ensure!(&answer == b"+PONG", "not PONG");
            }
        }
        Ok(())
    }
}

fn ask_kafka(address: SocketAddr) -> Result<()> {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address.to_string())
        // A broker that is not there yet is not worth a line on the terminal.
        .set("log_level", "0")
        .create()?;
    let metadata = client.fetch_metadata(None, Duration::from_millis(900))?;
    ensure!(!metadata.brokers().is_empty(), "no broker yet");
    Ok(())
}
