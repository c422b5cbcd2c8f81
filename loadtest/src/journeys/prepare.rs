//! What comes before the first arrival: accounts, the scenario's own set-up, and
//! sockets that stay open.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::session::{self, Session, Targets};
use super::variables::Variables;
use super::walk::Walk;
use crate::engine::RunError;
use crate::protocol::websocket::Socket;
use crate::scenario::{Fill, Scenario, Scope, Sockets, Template};
use crate::script::{self, Planned};

/// Accounts signed up, or sockets opened, at the same time.
const AT_ONCE: usize = 8;

/// What the set-up has made.
pub(crate) struct Prepared {
    pub(crate) targets: Targets,
    /// What every journey knows: `run`, and what the set-up has captured.
    pub(crate) globals: Variables,
    users: Vec<Variables>,
}

impl Prepared {
    /// The users of one worker: every `workers`-th.
    pub(crate) fn users_of(&self, index: usize, workers: usize) -> Vec<Variables> {
        self.users
            .iter()
            .skip(index)
            .step_by(workers)
            .cloned()
            .collect()
    }
}

/// Signs the users up and does the set-up, on a thread of its own.
pub(super) async fn prepare(
    scenario: Arc<Scenario>,
    targets: Targets,
) -> Result<Prepared, RunError> {
    let (send, receive) = oneshot::channel();
    std::thread::Builder::new()
        .name("journeys-set-up".to_owned())
        .spawn(move || {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .build_local(LocalOptions::default());
            let prepared = match runtime {
                Ok(runtime) => runtime.block_on(set_up(scenario, targets)),
                Err(error) => Err(RunError::Worker(error)),
            };
            // Nobody listens any more if the run was dropped: then nobody cares.
            let _ = send.send(prepared);
        })?;
    receive.await.map_err(|_| RunError::Panicked)?
}

async fn set_up(scenario: Arc<Scenario>, targets: Targets) -> Result<Prepared, RunError> {
    let mut globals = Variables::default();
    // Names that two runs give must differ, whatever the seed.
    globals.set("run", format!("{:010x}", rand::random::<u64>() >> 24));
    for (name, value) in &scenario.values {
        globals.set(name, value.clone());
    }
    let mut prepared = Prepared {
        targets,
        globals,
        users: Vec::new(),
    };
    if let Some(users) = &scenario.users {
        let session = session::alone(&scenario, &prepared, None);
        let steps = script::unmeasured(&users.sign_up);
        session
            .connect_kafka(steps.iter())
            .map_err(RunError::Setup)?;
        prepared.users = stream::iter(0..users.count)
            .map(|n| sign_up(&session, &users.data, &steps, n))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
    }
    if !scenario.setup.is_empty() {
        let first = prepared.users.first().cloned();
        let session = session::alone(&scenario, &prepared, first);
        let steps = script::unmeasured(&scenario.setup);
        session
            .connect_kafka(steps.iter())
            .map_err(RunError::Setup)?;
        let user = (!prepared.users.is_empty()).then_some(0);
        let mut walk = Walk::new(&session, 0, user);
        walk.steps(&steps, None, None)
            .await
            .map_err(|broken| RunError::Setup(broken.0))?;
        for (name, value) in walk.captured().all() {
            if !matches!(name, "n" | "i") {
                prepared.globals.set(name, value.to_owned());
            }
        }
    }
    Ok(prepared)
}

async fn sign_up(
    session: &Rc<Session>,
    data: &BTreeMap<String, Template>,
    steps: &[Planned],
    n: usize,
) -> Result<Variables, RunError> {
    let mut walk = Walk::new(session, n as u64, None);
    walk.make(data);
    let done = walk.steps(steps, None, None).await;
    done.map_err(|broken| RunError::Setup(format!("sign-up of user {n}: {}", broken.0)))?;
    Ok(walk.captured())
}

/// Opens this worker's share of the sockets: whole rooms, as who speaks and who
/// hears share a clock and a thread.
pub(super) async fn open_sockets(
    session: &Rc<Session>,
    index: usize,
    workers: usize,
    end: &CancellationToken,
) -> Result<(), String> {
    let Some(sockets) = &session.scenario.sockets else {
        return Ok(());
    };
    let mine = (0..sockets.count).filter(|n| n % sockets.rooms % workers == index);
    let opening = stream::iter(mine.enumerate())
        .map(|(nth, n)| open(session, sockets, nth, n % sockets.rooms))
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>();
    tokio::select! {
        opened = opening => opened,
        () = end.cancelled() => Err("stopped".to_owned()),
    }
}

async fn open(
    session: &Rc<Session>,
    sockets: &Sockets,
    nth: usize,
    room: usize,
) -> Result<(), String> {
    struct Member<'a> {
        session: &'a Session,
        user: Option<Variables>,
        room: String,
    }
    impl Scope for Member<'_> {
        fn value(&self, name: &str) -> Option<&str> {
            match name.strip_prefix("user.") {
                Some(name) => self.user.as_ref()?.get(name),
                None if name == "room" => Some(&self.room),
                None => self.session.globals.get(name),
            }
        }
    }
    let users = &session.users;
    let user = users
        .get(nth % users.len().max(1))
        .map(|user| user.borrow().clone());
    let scope = Member {
        session,
        user,
        room: room.to_string(),
    };
    let mut random = super::walk::random(session.scenario.seed, nth as u64);
    let mut from = Fill {
        scope: &scope,
        random: &mut random,
    };
    let missing = |name: String| format!("sockets: {name} is not known");
    let path = sockets.path.fill(&mut from).map_err(missing)?;
    let protocols: Result<Vec<String>, String> = sockets
        .protocols
        .iter()
        .map(|protocol| protocol.fill(&mut from))
        .collect();
    let protocols = protocols.map_err(missing)?;
    let ready = sockets
        .ready
        .as_ref()
        .map(|ready| ready.fill(&mut from))
        .transpose();
    let join = sockets
        .join
        .as_ref()
        .map(|join| join.fill(&mut from))
        .transpose();
    let joined = sockets
        .joined
        .as_ref()
        .map(|joined| joined.fill(&mut from))
        .transpose();
    let (ready, join, joined) = (
        ready.map_err(missing)?,
        join.map_err(missing)?,
        joined.map_err(missing)?,
    );
    let opening = async {
        let target = session.target(&sockets.target)?;
        let opened = Socket::open(target, &path, &protocols).await;
        let mut socket = opened.map_err(|error| session.no_connection(error))?;
        if let Some(ready) = &ready {
            socket.until(ready).await?;
        }
        if let Some(join) = join {
            socket.send(join).await?;
        }
        if let Some(joined) = &joined {
            socket.until(joined).await?;
        }
        Ok::<_, crate::failure::Failure>(socket)
    };
    let opened = tokio::time::timeout(session.scenario.timeout.0, opening).await;
    let why = |why: String| match &session.record.borrow().limit {
        Some(limit) => limit.clone(),
        None => format!("socket {nth} of room {room}: {why}"),
    };
    let socket = opened
        .map_err(|_| why("timeout".to_owned()))?
        .map_err(|failure| why(failure.to_string()))?;
    session.rooms.enter(room, socket, session);
    session.record.borrow_mut().opened += 1;
    Ok(())
}
