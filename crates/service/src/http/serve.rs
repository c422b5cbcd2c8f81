use std::{
    future::Future,
    net::SocketAddr,
    os::fd::AsFd,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{Request, body::Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
    service::TowerToHyperService,
};
use metrics::Gauge;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tower::util::MapRequest;

use crate::{BoxError, Runtime};

/// Longest time for the head of a request to arrive, which is also how long a
/// connection may idle. Clients that reuse connections should give them up
/// earlier than this.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// Time for requests that are on their way when accepting ends. They are
/// answered with `Connection: close`.
const LINGER: Duration = Duration::from_millis(100);

/// Serves the router until the shutdown, then finishes what was begun.
///
/// Start-up counts as finished from here on. Upgraded connections (WebSockets)
/// are not waited for: they belong to who upgraded them.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    runtime: &Runtime,
) -> Result<(), BoxError> {
    let shutdown = &runtime.shutdown;
    let limits = Limits {
        connections: runtime.settings.max_connections,
        gauge: Some(crate::metrics::CONNECTIONS.clone()),
    };
    runtime.health.started();
    let open = accept(&listener, router, limits, shutdown.token()).await;
    crate::planted!("shutdown_does_not_drain" => std::process::exit(0));
    // From here on, new connections are refused.
    drop(listener);
    let drain = async {
        sleep(LINGER).await;
        open.shutdown().await;
    };
    shutdown.step("drain_http", drain).await;
    Ok(())
}

/// What a port may hold.
pub(crate) struct Limits {
    pub(crate) connections: usize,
    pub(crate) gauge: Option<Gauge>,
}

/// Accepts connections until the token is cancelled; answers with those still
/// open.
pub(crate) async fn accept(
    listener: &TcpListener,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) -> GracefulShutdown {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(limits.connections));
    let builder = Arc::new(builder());
    let open = |(stream, peer), slot| {
        let open = Open::new(slot, limits.gauge.clone());
        let router = router.clone();
        let connection = connection(builder.clone(), stream, peer, router, graceful.watcher());
        tokio::spawn(async move {
            connection.await;
            drop(open);
        });
    };
    let accepting = async {
        loop {
            // Above the limit, connections wait in the kernel's queue. The
            // semaphore is never closed.
            let Ok(slot) = slots.clone().acquire_owned().await else {
                return;
            };
            open(next(listener).await, slot);
        }
    };
    stop.run_until_cancelled(accepting).await;
    // Closing the port resets what waits in the kernel's queue, requests and
    // all: these have come in time. The kernel is asked, as what tokio knows of
    // its queue may be older.
    if let Ok(port) = listener.as_fd().try_clone_to_owned() {
        let port = std::net::TcpListener::from(port);
        while let Ok(slot) = slots.clone().try_acquire_owned()
            && let Ok((stream, peer)) = port.accept()
            && let Ok(stream) = from_std(stream)
        {
            open((stream, peer), slot);
        }
    }
    graceful
}

fn from_std(stream: std::net::TcpStream) -> std::io::Result<TcpStream> {
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}

async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // Either the client left again, or we are out of descriptors: then
            // connections that end will free some.
            Err(error) => {
                tracing::warn!(error = %error, "accept_failed");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(200)
        .max_header_list_size(16 << 10)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

fn connection(
    builder: Arc<Builder<TokioExecutor>>,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    watcher: Watcher,
) -> impl Future<Output = ()> + Send {
    // Answers are small and written whole.
    let _ = stream.set_nodelay(true);
    let spoken = Arc::new(AtomicBool::new(false));
    let service = MapRequest::new(router, {
        let spoken = spoken.clone();
        move |request: Request<Incoming>| {
            spoken.store(true, Relaxed);
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            request
        }
    });
    async move {
        let connection = builder
            .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service))
            .into_owned();
        let mut connection = pin!(watcher.watch(connection));
        // The header time-out only starts once the protocol is known, so that
        // a client which never says enough to tell needs this one.
        tokio::select! {
            _ = &mut connection => return,
            () = sleep(HEADER_TIMEOUT) => {}
        }
        if spoken.load(Relaxed) {
            // A connection's error is its client's doing, and was seen there.
            let _ = connection.await;
        }
    }
}

/// One open connection: holds its slot and its place in the gauge.
struct Open {
    _slot: OwnedSemaphorePermit,
    gauge: Option<Gauge>,
}

impl Open {
    fn new(slot: OwnedSemaphorePermit, gauge: Option<Gauge>) -> Self {
        if let Some(gauge) = &gauge {
            gauge.increment(1);
        }
        Self { _slot: slot, gauge }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(gauge) = &self.gauge {
            gauge.decrement(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{extract::Request, routing::post};
    use http::StatusCode;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        runtime::Handle,
    };

    use super::super::guard::GuardLayer;
    use super::*;
    use crate::Health;

    async fn start(router: Router) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let serving = tokio::spawn(async move {
            let limits = Limits {
                connections: 10,
                gauge: None,
            };
            let open = accept(&listener, router, limits, stopped).await;
            drop(listener);
            open.shutdown().await;
        });
        (address, stop, serving)
    }

    async fn answer(mut stream: TcpStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn what_was_begun_is_finished_and_nothing_new_is_taken() {
        let begun = Arc::new(tokio::sync::Notify::new());
        let finish = Arc::new(tokio::sync::Notify::new());
        let (noted, waiting) = (begun.clone(), finish.clone());
        let handler = move |_: Request| async move {
            noted.notify_one();
            waiting.notified().await;
            "done"
        };
        let (address, stop, serving) = start(Router::new().route("/", post(handler))).await;
        let idle = TcpStream::connect(address).await.unwrap();
        let mut busy = TcpStream::connect(address).await.unwrap();
        busy.write_all(b"POST / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        begun.notified().await;

        stop.cancel();
        assert_eq!(answer(idle).await, "");
        assert!(TcpStream::connect(address).await.is_err());
        finish.notify_one();
        assert!(answer(busy).await.ends_with("done"));
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn an_early_refusal_arrives_though_the_body_was_not_wanted() {
        let health = Health::new("1", Handle::current());
        let layer = GuardLayer::new(Duration::from_secs(5), health);
        let refuse = post(|| async { StatusCode::UNAUTHORIZED });
        let (address, _stop, _serving) = start(Router::new().route("/", refuse).layer(layer)).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head =
            "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 200000\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..20 {
            stream.write_all(&[b'x'; 10_000]).await.unwrap();
            tokio::task::yield_now().await;
        }
        assert!(answer(stream).await.starts_with("HTTP/1.1 401"));
    }
}
