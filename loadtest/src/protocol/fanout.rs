//! Sockets that stay open, in rooms: what one of them says, all of its room hear.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use futures_util::{SinkExt, StreamExt};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;
use tokio::sync::{Mutex, Notify};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::task::AbortOnDropHandle;

use super::websocket::{Hearing, Sending, Socket, failure};
use crate::failure::Failure;
use crate::scenario::Filled;

/// Told when a frame was heard: the row's index, when it was meant to go, when it
/// went, and its size.
pub(crate) trait Heard {
    fn heard(&self, row: usize, meant: u64, sent: u64, bytes: u64);
}

/// The sockets of one worker.
pub(crate) struct Rooms {
    rooms: RefCell<Vec<Room>>,
    /// In every id, and in nothing else that is said.
    mark: String,
    count: Cell<u64>,
    said: Rc<RefCell<HashMap<String, Rc<Said>>>>,
}

struct Room {
    number: usize,
    members: Vec<Rc<Member>>,
}

/// A socket; its reading ends with it.
pub(crate) struct Member {
    sending: Mutex<Sending>,
    gone: Cell<bool>,
    reading: Cell<Option<AbortOnDropHandle<()>>>,
}

/// A frame that not everybody has heard yet.
pub(crate) struct Said {
    pub(crate) row: usize,
    pub(crate) meant: u64,
    pub(crate) sent: Cell<u64>,
    heard: Filled,
    missing: Cell<usize>,
    complete: Notify,
}

/// Who speaks, where, and the id of what is said.
pub(crate) struct Turn {
    pub(crate) number: usize,
    pub(crate) id: String,
    hearers: usize,
    member: Rc<Member>,
}

impl Rooms {
    pub(crate) fn new() -> Self {
        Self {
            rooms: RefCell::default(),
            mark: format!("{:016x}", rand::random::<u64>()),
            count: Cell::new(0),
            said: Rc::default(),
        }
    }

    /// Takes a socket that has entered its room.
    pub(crate) fn enter<H: Heard + 'static>(&self, number: usize, socket: Socket, to: &Rc<H>) {
        let (sending, hearing) = socket.split();
        let member = Rc::new(Member {
            sending: Mutex::new(sending),
            gone: Cell::new(false),
            reading: Cell::new(None),
        });
        let ears = Ears {
            mark: self.mark.clone(),
            said: Rc::clone(&self.said),
            to: Rc::clone(to),
        };
        let reading = {
            let member = Rc::downgrade(&member);
            tokio::task::spawn_local(async move {
                ears.listen(hearing).await;
                if let Some(member) = member.upgrade() {
                    member.gone.set(true);
                }
            })
        };
        member.reading.set(Some(AbortOnDropHandle::new(reading)));
        let mut rooms = self.rooms.borrow_mut();
        match rooms.iter_mut().find(|room| room.number == number) {
            Some(room) => room.members.push(member),
            None => rooms.push(Room {
                number,
                members: vec![member],
            }),
        }
    }

    /// Any room, and any of its members that is still there.
    pub(crate) fn turn(&self, random: &mut StdRng) -> Option<Turn> {
        let rooms = self.rooms.borrow();
        if rooms.is_empty() {
            return None;
        }
        let room = &rooms[random.random_range(0..rooms.len())];
        let there: Vec<_> = room
            .members
            .iter()
            .filter(|member| !member.gone.get())
            .collect();
        let member = Rc::clone(there.get(random.random_range(0..there.len().max(1)))?);
        let n = self.count.replace(self.count.get() + 1);
        Some(Turn {
            number: room.number,
            hearers: room.members.len(),
            id: format!("{}{n}", self.mark),
            member,
        })
    }

    /// Says it. Whoever entered the room is expected to hear it, also those whose
    /// socket has been closed since: a server that hangs up is not quick.
    pub(crate) async fn say(
        &self,
        turn: &Turn,
        text: String,
        (row, meant, heard): (usize, u64, Filled),
        now: impl Fn() -> u64,
    ) -> (Rc<Said>, Result<(), Failure>) {
        let said = Rc::new(Said {
            row,
            meant,
            sent: Cell::new(0),
            heard,
            missing: Cell::new(turn.hearers),
            complete: Notify::new(),
        });
        let mut sending = turn.member.sending.lock().await;
        said.sent.set(now());
        self.said
            .borrow_mut()
            .insert(turn.id.clone(), Rc::clone(&said));
        let sent = sending.send(Message::text(text)).await;
        (said, sent.map_err(|error| failure(&error)))
    }

    /// Nobody is waited for any more: how many have not heard it.
    pub(crate) fn forget(&self, id: &str) -> u64 {
        let said = self.said.borrow_mut().remove(id);
        said.map_or(0, |said| said.missing.get() as u64)
    }
}

impl Said {
    /// Until all have heard it.
    pub(crate) async fn complete(&self) {
        while self.missing.get() > 0 {
            self.complete.notified().await;
        }
    }
}

struct Ears<H> {
    mark: String,
    said: Rc<RefCell<HashMap<String, Rc<Said>>>>,
    to: Rc<H>,
}

impl<H: Heard> Ears<H> {
    async fn listen(&self, mut hearing: Hearing) {
        while let Some(Ok(message)) = hearing.next().await {
            match message {
                Message::Text(text) => self.take(&text),
                Message::Close(_) => return,
                _ => {}
            }
        }
    }

    fn take(&self, text: &str) {
        // Most of what is heard is ours: found by the mark, and only then parsed.
        let Some(at) = text.find(&self.mark) else {
            return;
        };
        let digits = text[at + self.mark.len()..]
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        let id = &text[at..at + self.mark.len() + digits];
        let Some(said) = self.said.borrow().get(id).cloned() else {
            return;
        };
        let frame: Value = serde_json::from_str(text).unwrap_or(Value::Null);
        if said.missing.get() == 0 || !said.heard.hold(&frame) {
            return;
        }
        self.to
            .heard(said.row, said.meant, said.sent.get(), text.len() as u64);
        said.missing.set(said.missing.get() - 1);
        if said.missing.get() == 0 {
            said.complete.notify_one();
        }
    }
}
