//! Connections of HTTP to the targets of a scenario, kept open between requests.
//!
//! The engine of a single request has its own, faster way of sending
//! (`engine/exchange.rs`): it knows each request before the run. Journeys make
//! theirs from what they have captured.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::parts::Parts;
use crate::failure::Failure;
use crate::limits;
use crate::target::Target;

/// The largest head of an answer.
const LARGEST_HEAD: usize = 256 * 1024;

/// A connection could not be made.
pub(crate) struct NoConnection {
    pub(crate) failure: Failure,
    /// A limit of this machine, if that was the reason.
    pub(crate) limit: Option<String>,
}

impl From<Failure> for NoConnection {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            limit: None,
        }
    }
}

/// A connection of TCP, for whatever is spoken on it.
pub(crate) async fn connect(target: &Target) -> Result<TcpStream, NoConnection> {
    let stream = TcpStream::connect(target.address)
        .await
        .map_err(|error| NoConnection {
            failure: Failure::connecting(&error),
            limit: limits::explain(&error),
        })?;
    // A small request must not wait for the acknowledgement of the last one.
    stream.set_nodelay(true).map_err(|_| Failure::Connect)?;
    Ok(stream)
}

/// The connections of one worker.
pub(crate) struct Connections {
    pools: BTreeMap<String, Rc<Pool>>,
}

struct Pool {
    target: Target,
    idle: RefCell<Vec<SendRequest<Parts>>>,
    free: Arc<Semaphore>,
}

impl Connections {
    /// At most `most` to each target.
    pub(crate) fn new(targets: &BTreeMap<String, Target>, most: usize) -> Self {
        let pool = |target: &Target| {
            Rc::new(Pool {
                target: target.clone(),
                idle: RefCell::default(),
                free: Arc::new(Semaphore::new(most)),
            })
        };
        let pools = targets
            .iter()
            .map(|(name, target)| (name.clone(), pool(target)));
        Self {
            pools: pools.collect(),
        }
    }

    /// The target of this name.
    pub(crate) fn target(&self, name: &str) -> Option<&Target> {
        self.pools.get(name).map(|pool| &pool.target)
    }

    /// Whether a request would have to wait for a connection.
    pub(crate) fn busy(&self, name: &str) -> bool {
        self.pools
            .get(name)
            .is_some_and(|pool| pool.free.available_permits() == 0)
    }

    /// The right to use a connection; waits until there is one.
    pub(crate) async fn lease(&self, name: &str) -> Option<Lease> {
        let pool = Rc::clone(self.pools.get(name)?);
        let permit = Arc::clone(&pool.free).acquire_owned().await.ok()?;
        Some(Lease {
            pool,
            _permit: permit,
        })
    }
}

/// The right to use one connection. Given up when dropped.
pub(crate) struct Lease {
    pool: Rc<Pool>,
    _permit: OwnedSemaphorePermit,
}

/// A connection that an answer still comes from; it is closed unless it is kept.
pub(crate) struct Used {
    sender: SendRequest<Parts>,
    lease: Lease,
    /// It was opened for this request.
    pub(crate) opened: bool,
}

impl Used {
    /// The answer was read to its end: the connection can be used again.
    pub(crate) fn keep(self) {
        self.lease.pool.idle.borrow_mut().push(self.sender);
    }
}

impl Lease {
    /// Sends a request, on a kept connection or on a new one.
    pub(crate) async fn send(
        self,
        mut request: Request<Parts>,
    ) -> Result<(Response<Incoming>, Used), NoConnection> {
        let host = self.pool.target.host.clone();
        request.headers_mut().insert(http::header::HOST, host);
        // A server may close an idle connection at any time. A request that meets
        // that unsent goes again, on a connection that is certainly new.
        loop {
            let Some(mut sender) = self.pool.idle.borrow_mut().pop() else {
                break;
            };
            if sender.ready().await.is_err() {
                continue;
            }
            match sender.try_send_request(request).await {
                Ok(answer) => {
                    let used = Used {
                        sender,
                        lease: self,
                        opened: false,
                    };
                    return Ok((answer, used));
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(exchanging(error.error()).into()),
                },
            }
        }
        let mut sender = self.open().await?;
        match sender.send_request(request).await {
            Ok(answer) => Ok((
                answer,
                Used {
                    sender,
                    lease: self,
                    opened: true,
                },
            )),
            Err(error) => Err(exchanging(&error).into()),
        }
    }

    async fn open(&self) -> Result<SendRequest<Parts>, NoConnection> {
        let stream = connect(&self.pool.target).await?;
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(LARGEST_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| exchanging(&error))?;
        // It ends with its sender; its errors come to the exchange they end.
        tokio::task::spawn_local(async move {
            let _ = driver.await;
        });
        Ok(sender)
    }
}

/// Why there was no complete answer.
pub(crate) fn exchanging(error: &hyper::Error) -> Failure {
    if error.is_parse_too_large() {
        return Failure::TooLarge;
    }
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            match error.kind() {
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                    return Failure::Reset;
                }
                io::ErrorKind::UnexpectedEof => return Failure::Closed,
                _ => {}
            }
        }
        source = error.source();
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        Failure::Closed
    } else {
        Failure::Protocol
    }
}
