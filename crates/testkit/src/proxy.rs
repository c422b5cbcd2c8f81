//! A TCP proxy between a service and what it depends on, for all that can go
//! wrong on the way.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections, until it is told to do worse.
#[derive(Clone)]
pub struct Proxy {
    /// Where it listens.
    pub address: std::net::SocketAddr,
    way: Arc<watch::Sender<Way>>,
}

/// How it treats what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Open,
    /// Everything takes this much longer, each way.
    Slow(Duration),
    /// Connections are ended, new ones too.
    Cut,
    /// Connections stay and nothing passes; what was sent is lost with them.
    HalfOpen,
}

impl Proxy {
    /// Starts a proxy to `target`, open.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (way, chosen) = watch::channel(Way::Open);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *chosen.borrow() != Way::Cut {
                    tokio::spawn(serve(client, target.clone(), chosen.clone()));
                }
            }
        });
        Self {
            address,
            way: Arc::new(way),
        }
    }

    /// Ends every connection and refuses new ones.
    pub fn cut(&self) {
        self.way.send_replace(Way::Cut);
    }

    /// Lets everything arrive later by this much, each way.
    pub fn slow(&self, by: Duration) {
        self.way.send_replace(Way::Slow(by));
    }

    /// Keeps every connection, and lets nothing pass: as if the other machine
    /// were gone without a word. [`Proxy::restore`] then ends these connections.
    pub fn half_open(&self) {
        self.way.send_replace(Way::HalfOpen);
    }

    /// Lets connections through again.
    pub fn restore(&self) {
        self.way.send_replace(Way::Open);
    }
}

async fn serve(mut client: TcpStream, target: String, mut way: watch::Receiver<Way>) {
    let Ok(mut server) = TcpStream::connect(&target).await else {
        return;
    };
    let mut changes = way.clone();
    let worse = changes.wait_for(|way| matches!(way, Way::Cut | Way::HalfOpen));
    tokio::select! {
        // Both ends see whatever ended it; there is nobody else to tell.
        _ = forward(&mut client, &mut server, &way) => return,
        _ = worse => {}
    }
    // Half open, both connections are held here, and nobody reads from them.
    let _ = way.wait_for(|way| *way != Way::HalfOpen).await;
}

async fn forward(
    client: &mut TcpStream,
    server: &mut TcpStream,
    way: &watch::Receiver<Way>,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    tokio::try_join!(
        pump(&mut from_client, &mut to_server, way),
        pump(&mut from_server, &mut to_client, way),
    )?;
    Ok(())
}

async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    way: &watch::Receiver<Way>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        let way = *way.borrow();
        if let Way::Slow(by) = way {
            tokio::time::sleep(by).await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        address
    }

    async fn say(stream: &mut TcpStream) -> io::Result<()> {
        stream.write_all(b"hello").await?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"hello");
        Ok(())
    }

    #[tokio::test]
    async fn a_slow_way_is_slow_both_ways() {
        let proxy = Proxy::start(echo().await).await;
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        say(&mut stream).await.unwrap();
        proxy.slow(Duration::from_millis(60));
        let start = std::time::Instant::now();
        say(&mut stream).await.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(120));
    }

    #[tokio::test]
    async fn a_cut_ends_connections_and_refuses_new_ones() {
        let proxy = Proxy::start(echo().await).await;
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        say(&mut stream).await.unwrap();
        proxy.cut();
        assert!(say(&mut stream).await.is_err());
        let mut refused = TcpStream::connect(proxy.address).await.unwrap();
        assert!(say(&mut refused).await.is_err());
        proxy.restore();
        let mut fresh = TcpStream::connect(proxy.address).await.unwrap();
        say(&mut fresh).await.unwrap();
    }

    #[tokio::test]
    async fn a_half_open_connection_answers_nothing_and_dies_later() {
        let proxy = Proxy::start(echo().await).await;
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        say(&mut stream).await.unwrap();
        proxy.half_open();
        let silence = tokio::time::timeout(Duration::from_millis(200), say(&mut stream)).await;
        assert!(silence.is_err(), "something passed");
        proxy.restore();
        let mut rest = [0; 1];
        let end = stream.read(&mut rest).await;
        assert!(!matches!(end, Ok(1..)), "it lives on: {end:?}");
    }
}
