//! A server on a port of its own that does what its script says, on a thread of
//! its own, so that it keeps time when the generator is busy.
// Each test binary compiles this, and none uses all of it.
#![allow(dead_code)]
#![allow(clippy::unwrap_used, reason = "a test's helper fails with it")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OnceCell, oneshot};

pub const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What to do with a request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Send these bytes.
    Answer(String),
    /// Send them after this long.
    Slow(Duration, String),
    /// Send them, then close in good order.
    AnswerAndClose(String),
    /// Close at once, without an answer.
    Reset,
    /// Close the writing half and go on reading.
    HalfClose,
    /// Never answer.
    Silence,
    /// Answer when the stall is over; the first to meet it begins it.
    Stall(Duration, String),
    /// Answer, and listen no more.
    AnswerAndRefuse(String),
}

pub fn ok() -> Act {
    Act::Answer(OK.to_owned())
}

struct State {
    script: Box<dyn Fn(u64) -> Act + Send + Sync>,
    requests: AtomicU64,
    stall: OnceCell<Duration>,
    deaf: tokio_util::sync::CancellationToken,
}

/// Ends with the test.
pub struct Scripted {
    pub address: SocketAddr,
    state: Arc<State>,
    _end: oneshot::Sender<()>,
}

impl Scripted {
    /// Answers the n-th request, counted from zero, as the script says.
    pub fn start(script: impl Fn(u64) -> Act + Send + Sync + 'static) -> Self {
        let state = Arc::new(State {
            script: Box::new(script),
            requests: AtomicU64::new(0),
            stall: OnceCell::new(),
            deaf: tokio_util::sync::CancellationToken::new(),
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = oneshot::channel();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let serving = tokio::spawn(serve(TcpListener::from_std(listener).unwrap(), shared));
                let _ = ended.await;
                serving.abort();
            });
        });
        Self {
            address,
            state,
            _end: end,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Requests that came.
    pub fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// How long the stall was, by the server's own clock.
    pub fn stalled(&self) -> Duration {
        *self.state.stall.get().expect("there was a stall")
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = state.deaf.cancelled() => break,
        };
        let Ok((stream, _)) = accepted else { break };
        stream.set_nodelay(true).unwrap();
        tokio::spawn(converse(stream, Arc::clone(&state)));
    }
    drop(listener);
    std::future::pending().await
}

async fn converse(mut stream: TcpStream, state: Arc<State>) {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let head = loop {
            if let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break end + 4;
            }
            match stream.read_buf(&mut buffer).await {
                Ok(1..) => {}
                _ => return,
            }
        };
        // The requests of these tests have no body.
        buffer.drain(..head);
        let n = state.requests.fetch_add(1, Ordering::SeqCst);
        let answer = match (state.script)(n) {
            Act::Answer(text) => text,
            Act::Slow(wait, text) => {
                tokio::time::sleep(wait).await;
                text
            }
            Act::AnswerAndClose(text) => {
                let _ = stream.write_all(text.as_bytes()).await;
                return;
            }
            Act::Reset => {
                SockRef::from(&stream)
                    .set_linger(Some(Duration::ZERO))
                    .unwrap();
                return;
            }
            Act::HalfClose => {
                let _ = stream.shutdown().await;
                continue;
            }
            Act::Silence => continue,
            Act::Stall(wait, text) => {
                // Afterwards not in no time: a closed loop would take the machine.
                if state.stall.initialized() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                // All who come meanwhile wait for the one who began it.
                let begun = Instant::now();
                let measured = async {
                    tokio::time::sleep(wait).await;
                    begun.elapsed()
                };
                state.stall.get_or_init(|| measured).await;
                text
            }
            Act::AnswerAndRefuse(text) => {
                state.deaf.cancel();
                // The listener closes before the answer goes.
                tokio::task::yield_now().await;
                tokio::time::sleep(Duration::from_millis(5)).await;
                let _ = stream.write_all(text.as_bytes()).await;
                return;
            }
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
