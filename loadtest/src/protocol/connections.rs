//! Connections of HTTP to the targets of a scenario, kept open between requests.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use http::{Method, Request};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::parts::Parts;
use crate::failure::Failure;
use crate::http1::{self, Answer, Broken, Connection, Sink, Wire};
use crate::limits;
use crate::target::Target;

/// A body that is no larger goes in one write with its head.
const SMALL: usize = 16 * 1024;

/// A connection could not be made, or has no complete answer.
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

impl NoConnection {
    /// Of a connection that could not be made.
    pub(crate) fn connecting(error: &io::Error) -> Self {
        Self {
            failure: Failure::connecting(error),
            limit: limits::explain(error),
        }
    }
}

/// The connections of one worker.
pub(crate) struct Connections {
    pools: BTreeMap<String, Rc<Pool>>,
}

struct Pool {
    target: Target,
    idle: RefCell<Vec<Connection>>,
    free: Arc<Semaphore>,
}

impl Pool {
    /// A connection that was kept, and that the server has not closed since.
    fn kept(&self) -> Option<Connection> {
        loop {
            let mut kept = self.idle.borrow_mut().pop()?;
            if kept.is_open() {
                return Some(kept);
            }
        }
    }
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

/// A complete answer, and whether a connection was opened for it.
pub(crate) struct Exchanged {
    pub(crate) answer: Answer,
    pub(crate) opened: bool,
}

impl Lease {
    /// Sends a request, on a kept connection or on a new one, and reads the answer to
    /// its end. If this is dropped before, the connection is closed.
    pub(crate) async fn exchange(
        self,
        request: &Request<Parts>,
        sink: &mut impl Sink,
    ) -> Result<Exchanged, NoConnection> {
        let body = request.body();
        let mut bytes = Vec::new();
        http1::request::head(
            &mut bytes,
            request.method(),
            request
                .uri()
                .path_and_query()
                .map_or("/", |path| path.as_str()),
            &self.pool.target.host,
            request.headers(),
            body.length(),
        );
        let mut rest = body.pieces();
        if body.length() <= SMALL {
            rest.iter().for_each(|piece| bytes.extend_from_slice(piece));
            rest = &[];
        }
        let wire = Wire {
            bytes: &bytes,
            rest,
            head_only: request.method() == Method::HEAD,
        };
        // A server may close an idle connection at any time. A request that meets
        // that unsent goes again, on a connection that is certainly new.
        while let Some(kept) = self.pool.kept() {
            match self.on(kept, wire, sink).await {
                Err(Broken::Unsent) => {}
                outcome => return ended(outcome, false),
            }
        }
        let new = Connection::open(self.pool.target.address).await;
        let new = new.map_err(|error| NoConnection::connecting(&error))?;
        ended(self.on(new, wire, sink).await, true)
    }

    async fn on(
        &self,
        mut connection: Connection,
        wire: Wire<'_>,
        sink: &mut impl Sink,
    ) -> Result<Answer, Broken> {
        let answer = connection.exchange(wire, sink).await?;
        if connection.is_open() {
            self.pool.idle.borrow_mut().push(connection);
        }
        Ok(answer)
    }
}

fn ended(outcome: Result<Answer, Broken>, opened: bool) -> Result<Exchanged, NoConnection> {
    let answer = outcome.map_err(|error| Failure::exchanging(&error))?;
    Ok(Exchanged { answer, opened })
}
