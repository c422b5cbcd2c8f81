//! Which TCP ports to use.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

/// Hands out ports of the loopback address, each once.
#[derive(Clone, Debug, Default)]
pub struct Ports {
    any: bool,
    given: Arc<Mutex<BTreeSet<u16>>>,
}

/// A port that was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Use this one.
    pub number: u16,
    /// This one was wanted, and is taken by something else.
    pub instead_of: Option<u16>,
}

impl Port {
    /// The port on the loopback address.
    pub fn address(self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.number))
    }
}

impl Ports {
    /// Gives each component the port it is known by, where that is free.
    pub fn well_known() -> Self {
        Self::default()
    }

    /// Gives any free port, so that many runs can share a machine.
    pub fn any() -> Self {
        Self {
            any: true,
            given: Arc::default(),
        }
    }

    /// `wanted` if it is free, else another.
    ///
    /// # Errors
    /// When the system has no free port.
    pub fn pick(&self, wanted: u16) -> Result<Port> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.any && !given.contains(&wanted) && listen(wanted).is_ok() {
            given.insert(wanted);
            return Ok(Port {
                number: wanted,
                instead_of: None,
            });
        }
        // Listeners are kept until one is new to us, or the system would offer
        // the same port again and again.
        let mut refused = Vec::new();
        loop {
            let listener = listen(0).context("no free port")?;
            let number = listener.local_addr()?.port();
            if given.insert(number) {
                let instead_of = (!self.any).then_some(wanted);
                return Ok(Port { number, instead_of });
            }
            refused.push(listener);
        }
    }
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}
