//! Which TCP ports to use.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail};

/// None that the system gives to outgoing connections (from 32768 on, or higher): one
/// of these could take a port between its choice and the start of its server.
const UNTAKEN: std::ops::Range<u16> = 20_000..32_000;
const ATTEMPTS: usize = 1000;

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
        let instead_of = (!self.any).then_some(wanted);
        for _ in 0..ATTEMPTS {
            let number = rand::random_range(UNTAKEN);
            if listen(number).is_ok() && given.insert(number) {
                return Ok(Port { number, instead_of });
            }
        }
        bail!("no free port of {ATTEMPTS} that were tried")
    }
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}
