//! Where the load goes: resolved once, and only to this machine or a private
//! network unless the user says otherwise.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::Uri;
use http::header::HeaderValue;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use crate::limits;

/// How long the first connection may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// An HTTP server that load may be sent to.
#[derive(Debug, Clone)]
pub struct Target {
    url: Url,
    /// Connections go to this address and no other: the name is not asked again,
    /// so that what was checked is what is used.
    pub(crate) address: SocketAddr,
    pub(crate) uri: Uri,
    pub(crate) host: HeaderValue,
}

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Not a URL, or not one of a server.
    #[error("{0:?} is not a URL of an HTTP server: {1}")]
    Url(String, String),
    /// The name has no address.
    #[error("{0} cannot be resolved: {1}")]
    Unresolved(String, String),
    /// Neither this machine nor a private network.
    #[error(
        "{host} is {address}, neither this machine nor a private network; load on what is not \
         yours is an attack. If it is yours, say --allow-remote"
    )]
    Remote {
        /// As it was written.
        host: String,
        /// As it was resolved.
        address: IpAddr,
    },
    /// Nobody answers there.
    #[error("{url} is unreachable at {address}: {why}")]
    Unreachable {
        /// As it was written.
        url: String,
        /// As it was resolved.
        address: SocketAddr,
        /// What the connection said.
        why: String,
    },
}

impl Target {
    /// Reads and resolves a URL.
    ///
    /// # Errors
    /// If it is no `http` URL, has no address, or if any of its addresses is
    /// public and `allow_remote` is not set.
    pub async fn resolve(text: &str, allow_remote: bool) -> Result<Self, TargetError> {
        let wrong = |why: &str| TargetError::Url(text.to_owned(), why.to_owned());
        let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
        if url.scheme() != "http" {
            return Err(wrong("only http:// is spoken, without TLS"));
        }
        let host = url.host_str().ok_or_else(|| wrong("it names no host"))?;
        let port = url.port_or_known_default().unwrap_or(80);
        // The URL's own form of an IPv6 address has brackets, the resolver's not.
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let unresolved = |why: &str| TargetError::Unresolved(host.to_owned(), why.to_owned());
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name, port))
            .await
            .map_err(|error| unresolved(&error.to_string()))?
            .collect();
        let remote = addresses.iter().find(|a| !is_near(a.ip()));
        if let (Some(remote), false) = (remote, allow_remote) {
            return Err(TargetError::Remote {
                host: host.to_owned(),
                address: remote.ip(),
            });
        }
        // `localhost` is often [::1] first, where few servers listen.
        let preferred = addresses.iter().find(|a| a.is_ipv4()).or(addresses.first());
        let address = *preferred.ok_or_else(|| unresolved("it has no address"))?;
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        Ok(Self {
            uri: path
                .parse()
                .map_err(|_| wrong("its path is none of HTTP"))?,
            host: HeaderValue::from_str(authority).map_err(|_| wrong("its host is odd"))?,
            address,
            url,
        })
    }

    /// Opens one connection and closes it: a run that would only collect refusals
    /// is not begun.
    ///
    /// # Errors
    /// If nobody accepts within five seconds.
    pub async fn reach(&self) -> Result<(), TargetError> {
        let why = match timeout(PATIENCE, TcpStream::connect(self.address)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                "the connection is refused; does the server run, and on this port?".to_owned()
            }
            Ok(Err(error)) => limits::explain(&error).unwrap_or_else(|| error.to_string()),
            Err(_) => format!("no answer to a connection within {} s", PATIENCE.as_secs()),
        };
        Err(TargetError::Unreachable {
            url: self.url.to_string(),
            address: self.address,
            why,
        })
    }
}

impl Display for Target {
    /// Without a password that the URL may hold.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let host = &self.url[url::Position::BeforeHost..url::Position::AfterPath];
        write!(f, "http://{host}")
    }
}

/// This machine or a private network. Link-local addresses are not among them:
/// cloud machines have their metadata there.
fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refused(url: &str) -> String {
        Target::resolve(url, false).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn only_what_is_near_without_being_told() {
        for near in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "[::1]",
            "[fd00::1]",
        ] {
            let url = format!("http://{near}:8080/v1/tasks?limit=5");
            let target = Target::resolve(&url, false).await.unwrap();
            assert_eq!(target.uri, "/v1/tasks?limit=5");
            assert_eq!(target.host, format!("{near}:8080"));
        }
        for far in [
            "93.184.216.34",
            "172.32.0.1",
            "169.254.169.254",
            "[2001:db8::1]",
            "[::ffff:8.8.8.8]",
        ] {
            let url = format!("http://{far}/");
            assert!(refused(&url).await.contains("--allow-remote"), "{far}");
            assert!(Target::resolve(&url, true).await.is_ok(), "{far}");
        }
    }

    #[tokio::test]
    async fn what_is_no_target_is_said() {
        assert!(refused("localhost:80").await.contains("only http://"));
        assert!(refused("https://localhost").await.contains("without TLS"));
        assert!(refused("nonsense").await.contains("not a URL"));
    }

    #[tokio::test]
    async fn a_password_is_not_printed() {
        let target = Target::resolve("http://me:secret@127.0.0.1/x?token=y", false)
            .await
            .unwrap();
        assert_eq!(target.to_string(), "http://127.0.0.1/x");
    }
}
