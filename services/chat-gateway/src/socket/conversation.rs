//! What a client says on its socket, and what it is answered.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::ws::Utf8Bytes;
use chrono::{DateTime, FixedOffset, Utc};
use service::auth::User;
use service::problem::FieldError;
use telemetry::{Context, SpanKind};
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use super::Socket;
use super::protocol::{ClientFrame, Person, RoomName, ServerFrame, close};
use super::queue::Outgoing;
use crate::Gateway;
use crate::error::Error;
use crate::fanout::{Channel, Envelope};
use crate::metrics;
use crate::rooms::{self, Room, RoomRef, store};
use crate::tasks::intent::{self, Draft, Moment};
use crate::tasks::{Operation, announce};

/// Rooms that one socket may listen to.
const MAX_ROOMS: usize = 50;
/// How long a new listener waits until the fan-out knows it; then it goes on.
const LIVE_PATIENCE: Duration = Duration::from_secs(1);
const MAX_CLIENT_ID: usize = 64;

/// A code and a reason to close the socket with.
pub type Farewell = (u16, &'static str);

/// One socket's side of the talk. Taken out of the registry when dropped.
pub struct Conversation<'a> {
    gateway: &'a Gateway,
    socket: Arc<Socket>,
    /// Who speaks; renewed with each `authenticate`.
    pub user: User,
    rooms: HashMap<Uuid, Room>,
}

impl<'a> Conversation<'a> {
    /// The conversation of an admitted socket.
    pub fn new(gateway: &'a Gateway, socket: Arc<Socket>, user: User) -> Self {
        Self {
            gateway,
            socket,
            user,
            rooms: HashMap::new(),
        }
    }

    /// Says `ready`, once the user's channel is delivered to this process.
    pub async fn greet(&self, live: watch::Receiver<bool>) {
        wait(live).await;
        self.reply(&ServerFrame::Ready {
            user: Person {
                id: self.user.id,
                name: &self.user.name,
            },
            session: self.socket.id,
            expires_at: DateTime::from_timestamp(self.user.expires_at.cast_signed(), 0)
                .unwrap_or_else(Utc::now),
        });
    }

    /// Deals with one frame.
    ///
    /// # Errors
    /// When the socket must be closed.
    pub async fn hear(&mut self, frame: ClientFrame) -> Result<(), Farewell> {
        match frame {
            ClientFrame::Ping {} => self.reply(&ServerFrame::Pong {}),
            ClientFrame::Authenticate { token } => return self.renew(&token),
            ClientFrame::Leave { room } => self.leave(&room),
            ClientFrame::Join { room, traceparent } => {
                let mut span = receive("join", traceparent.as_deref());
                let joined = span.scope(self.join(&room)).await;
                match joined {
                    Ok(id) => span.scope(async { self.say_joined(id) }).await,
                    Err(error) => self.fail(&mut span, &error, None).await,
                }
            }
            ClientFrame::Message {
                id,
                room,
                text,
                traceparent,
                utc_offset_minutes,
            } => {
                let mut span = receive("message", traceparent.as_deref());
                let moment = moment(utc_offset_minutes);
                if let Err(error) = span
                    .scope(self.message(id.as_deref(), &room, &text, moment))
                    .await
                {
                    self.fail(&mut span, &error, id.as_deref()).await;
                }
            }
        }
        Ok(())
    }

    /// Answers that something was refused.
    pub fn refuse(&self, code: &str, detail: &str, client_id: Option<&str>) {
        let traceparent = telemetry::current().map(|context| context.traceparent());
        self.reply(&ServerFrame::Error {
            code,
            detail,
            client_id,
            traceparent: traceparent.as_deref(),
        });
    }

    async fn fail(&self, span: &mut telemetry::Span, error: &Error, client_id: Option<&str>) {
        let (_, kind, _) = error.kind();
        span.error(kind);
        let told = async {
            error.log();
            tracing::info!(user_id = %self.user.id, code = kind, "message_refused");
            let code = if let Error::Task(failure) = error {
                failure.code()
            } else {
                kind.to_owned()
            };
            // A client id that would not do is not repeated.
            let client_id = client_id.filter(|id| id.len() <= MAX_CLIENT_ID);
            self.refuse(&code, &error.detail(), client_id);
        };
        span.scope(told).await;
    }

    fn renew(&mut self, token: &str) -> Result<(), Farewell> {
        match self.gateway.verifier.verify(token) {
            Ok(user) if user.id == self.user.id => {
                self.user = user;
                Ok(())
            }
            _ => Err((close::UNAUTHENTICATED, "the access token is not valid")),
        }
    }

    async fn join(&mut self, room: &str) -> Result<Uuid, Error> {
        let reference = RoomRef::parse(room).map_err(|error| Error::Invalid(vec![error]))?;
        let room = store::join(&self.gateway.pool, self.user.id, &reference).await?;
        if self.rooms.len() >= MAX_ROOMS && !self.rooms.contains_key(&room.id) {
            return Err(Error::field(
                "room",
                "too_many",
                format!("at most {MAX_ROOMS} rooms for one socket"),
            ));
        }
        let live = self
            .gateway
            .registry
            .listen(Channel::Room(room.id), &self.socket);
        let id = room.id;
        self.rooms.insert(id, room);
        wait(live).await;
        Ok(id)
    }

    fn say_joined(&self, id: Uuid) {
        if let Some(room) = self.rooms.get(&id) {
            let name = RoomName {
                id,
                name: &room.name,
            };
            self.reply(&ServerFrame::Joined {
                room: name,
                members: room.members,
            });
        }
    }

    fn leave(&mut self, room: &str) {
        if let Some(id) = self.joined(room) {
            self.rooms.remove(&id);
            self.gateway
                .registry
                .forget(self.socket.id, [Channel::Room(id)]);
        }
        self.reply(&ServerFrame::Left { room });
    }

    /// The id of a room this socket listens to, by id or name.
    fn joined(&self, room: &str) -> Option<Uuid> {
        self.rooms
            .values()
            .find(|known| known.name == room || known.id.to_string() == room)
            .map(|known| known.id)
    }

    async fn message(
        &mut self,
        client_id: Option<&str>,
        room: &str,
        text: &str,
        moment: Moment,
    ) -> Result<(), Error> {
        let begun = Instant::now();
        let (client_id, text) = match (check_client_id(client_id), rooms::text(text)) {
            (Ok(client_id), Ok(text)) => (client_id, text),
            (client_id, text) => {
                return Err(Error::Invalid(
                    [client_id.err(), text.err()]
                        .into_iter()
                        .flatten()
                        .collect(),
                ));
            }
        };
        // Who speaks in a room also hears it.
        let room = match self.joined(room) {
            Some(id) => id,
            None => self.join(room).await?,
        };
        let traceparent = telemetry::current().map(|context| context.traceparent());
        let new = store::NewMessage {
            user: self.user.id,
            room,
            client_id,
            text,
            traceparent: traceparent.as_deref(),
        };
        let (message, fresh) = store::insert_message(&self.gateway.pool, &new).await?;
        let frame = ServerFrame::Message {
            id: message.id,
            client_id: message.client_id.as_deref(),
            room: self.rooms.get(&room).map_or("", |room| room.name.as_str()),
            room_id: room,
            from: Person {
                id: message.user_id,
                name: &message.user_name,
            },
            text: &message.text,
            sent_at: message.sent_at,
            traceparent: message.traceparent.as_deref(),
        };
        if !fresh {
            // It was sent before, and only the answer was lost.
            self.reply(&frame);
            return Ok(());
        }
        self.gateway
            .fanout
            .publish(Channel::Room(room), &Envelope::new(&frame, traceparent))
            .await;
        let draft = intent::parse(text, moment);
        let kind = if draft.is_some() { "command" } else { "text" };
        metrics::message_sent(self.user.role.as_str(), kind);
        tracing::info!(
            user_id = %self.user.id,
            room_id = %room,
            message_id = %message.id,
            message_size_bytes = text.len() as u64,
            duration_ms = begun.elapsed().as_millis() as u64,
            "message_sent"
        );
        match draft {
            Some(draft) => self.create_task(&draft, client_id).await,
            None => Ok(()),
        }
    }

    /// Creates the task that a message asked for, and answers with it.
    async fn create_task(&self, draft: &Draft, client_id: Option<&str>) -> Result<(), Error> {
        if draft.title.is_empty() {
            return Err(Error::field(
                "title",
                "required",
                "is missing: say what is to be done",
            ));
        }
        let body =
            serde_json::to_vec(draft).map_err(|error| Error::internal("task_body", error))?;
        let task = self
            .gateway
            .tasks
            .call(&self.user, Operation::Create(Bytes::from(body)))
            .await?;
        let traceparent = telemetry::current().map(|context| context.traceparent());
        self.reply(&ServerFrame::Task {
            change: "created",
            task: &task,
            client_id,
            traceparent: traceparent.as_deref(),
        });
        announce(
            self.gateway,
            &self.user,
            "created",
            &task,
            Some(self.socket.id),
        )
        .await;
        Ok(())
    }

    /// Queues an answer, as part of the current trace.
    fn reply(&self, frame: &ServerFrame<'_>) {
        // Plain data with string keys: serialising cannot fail.
        let text = serde_json::to_string(frame).unwrap_or_default();
        self.socket.push(Outgoing {
            text: Utf8Bytes::from(text),
            kind: frame.kind(),
            trace: telemetry::current(),
            notification: None,
        });
    }
}

impl Drop for Conversation<'_> {
    fn drop(&mut self) {
        let rooms = self.rooms.keys().map(|id| Channel::Room(*id));
        self.gateway
            .registry
            .forget(self.socket.id, rooms.chain([Channel::User(self.user.id)]));
    }
}

/// The span of a received frame: it continues the client's trace, or begins one.
fn receive(kind: &'static str, traceparent: Option<&str>) -> telemetry::Span {
    telemetry::span("websocket.receive")
        .kind(SpanKind::Server)
        .parent(traceparent.and_then(Context::parse))
        .attribute("websocket.message.type", kind)
        .start()
}

/// Waits until a channel is delivered to this process. Not for ever: without
/// the bus, what is said here still reaches those who are here.
async fn wait(mut live: watch::Receiver<bool>) {
    let _ = timeout(LIVE_PATIENCE, live.wait_for(|live| *live)).await;
}

fn moment(utc_offset_minutes: Option<i32>) -> Moment {
    let offset = utc_offset_minutes
        .filter(|minutes| minutes.unsigned_abs() <= 14 * 60)
        .and_then(|minutes| FixedOffset::east_opt(minutes * 60))
        .unwrap_or(chrono::offset::Offset::fix(&Utc));
    Moment {
        now: Utc::now(),
        offset,
    }
}

fn check_client_id(id: Option<&str>) -> Result<Option<&str>, FieldError> {
    match id {
        Some(id)
            if id.is_empty() || id.len() > MAX_CLIENT_ID || id.chars().any(char::is_control) =>
        {
            Err(FieldError::new(
                "id",
                "malformed",
                format!("must have 1 to {MAX_CLIENT_ID} printable bytes"),
            ))
        }
        id => Ok(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_ids_are_bounded() {
        assert_eq!(check_client_id(None), Ok(None));
        assert_eq!(check_client_id(Some("7")), Ok(Some("7")));
        for bad in ["", "a\0b", &"x".repeat(65)] {
            assert!(check_client_id(Some(bad)).is_err());
        }
    }

    #[test]
    fn an_absurd_offset_counts_as_none() {
        assert_eq!(moment(Some(i32::MIN)).offset.local_minus_utc(), 0);
        assert_eq!(moment(Some(-300)).offset.local_minus_utc(), -18_000);
    }
}
