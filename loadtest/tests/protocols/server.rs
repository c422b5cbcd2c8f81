//! A server on a thread of its own, so that a busy generator does not slow it down.

use std::thread;

use axum::Router;
use tokio::sync::oneshot;

/// Ends with the test.
pub struct Server {
    pub address: String,
    _end: oneshot::Sender<()>,
}

/// Serves these routes.
pub fn serve(routes: Router) -> Server {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (end, ended) = oneshot::channel::<()>();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            tokio::select! {
                served = axum::serve(listener, routes) => served.unwrap(),
                _ = ended => {}
            }
        });
    });
    Server { address, _end: end }
}
