//! A stand-in for Redis where there is none: a small server in this process that
//! speaks the Redis protocol and the few commands the services use. Attached
//! like the real one, by its address alone.

mod connection;
mod resp;
mod store;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

use store::Store;

/// A running stand-in. Clones are the same server.
#[derive(Clone)]
pub(super) struct StandIn {
    address: SocketAddr,
    server: Arc<Mutex<Server>>,
}

/// What ends a server, and its thread.
struct Server {
    stopper: CancellationToken,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl StandIn {
    pub(super) fn start(address: SocketAddr) -> Result<Self> {
        let server = Arc::new(Mutex::new(serve(address)?));
        Ok(Self { address, server })
    }

    /// Returns when the port is free again, which takes no time.
    pub(super) fn stop(&self) {
        let mut server = self.server();
        server.stopper.cancel();
        if let Some(thread) = server.thread.take() {
            let _ = thread.join();
        }
    }

    pub(super) fn resume(&self) -> Result<()> {
        *self.server() = serve(self.address)?;
        Ok(())
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves from a thread of its own: whoever starts it may be a test whose
/// runtime ends before the last test that uses the server.
fn serve(address: SocketAddr) -> Result<Server> {
    let listener = TcpListener::bind(address).with_context(|| address.to_string())?;
    listener.set_nonblocking(true)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let stopper = CancellationToken::new();
    let stopped = stopper.clone();
    let accept = async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let store = Arc::new(Store::default());
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(connection::serve(stream, Arc::clone(&store)));
        }
    };
    // Dropping the runtime at the end closes every connection.
    let run = move || -> std::io::Result<()> {
        runtime
            .block_on(stopped.run_until_cancelled(accept))
            .unwrap_or(Ok(()))
    };
    let thread = thread::Builder::new().name("redis-stand-in".into());
    let thread = Some(thread.spawn(run)?);
    Ok(Server { stopper, thread })
}

#[cfg(test)]
mod tests;
