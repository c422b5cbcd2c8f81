//! A TCP proxy between a service and what it depends on, that can be cut.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections while it is open; cut, it resets them and accepts none.
#[derive(Clone)]
pub struct Proxy {
    /// Where it listens.
    pub address: std::net::SocketAddr,
    open: Arc<watch::Sender<bool>>,
}

impl Proxy {
    /// Starts a proxy to `target`, open.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (open, is_open) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *is_open.borrow() {
                    tokio::spawn(forward(client, target.clone(), is_open.clone()));
                }
            }
        });
        Self {
            address,
            open: Arc::new(open),
        }
    }

    /// Ends every connection and refuses new ones.
    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Lets connections through again.
    pub fn restore(&self) {
        self.open.send_replace(true);
    }
}

async fn forward(mut client: TcpStream, target: String, mut open: watch::Receiver<bool>) {
    let Ok(mut server) = TcpStream::connect(&target).await else {
        return;
    };
    tokio::select! {
        // Both ends see whatever ended it; there is nobody else to tell.
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        _ = open.wait_for(|open| !open) => {}
    }
}
