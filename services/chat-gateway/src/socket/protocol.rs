//! The frames of `/ws`: JSON text, one object each.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// The subprotocol the server selects.
pub const SUBPROTOCOL: &str = "glasshouse.v1";
/// The prefix of the offered subprotocol that carries the access token.
pub const BEARER: &str = "bearer.";
/// A larger text frame closes the socket with [`close::TOO_BIG`].
pub const MAX_FRAME: usize = 16 * 1024;
/// Malformed frames in a row before the socket is closed.
pub const MAX_MALFORMED: u32 = 10;

/// Close codes.
pub mod close {
    /// Never on the wire: the connection was lost.
    pub const GONE: u16 = 1006;
    /// The client left.
    pub const NORMAL: u16 = 1000;
    /// The server is going away.
    pub const GOING_AWAY: u16 = 1001;
    /// A frame was larger than [`super::MAX_FRAME`].
    pub const TOO_BIG: u16 = 1009;
    /// The client reads too slowly, or too many sockets are open.
    pub const TRY_LATER: u16 = 1013;
    /// Too many malformed frames in a row.
    pub const MALFORMED: u16 = 4400;
    /// Not authenticated in time, or the token is invalid or has expired.
    pub const UNAUTHENTICATED: u16 = 4401;
    /// Nothing was heard from the client for too long.
    pub const SILENT: u16 = 4408;
}

/// What a client may send.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame {
    /// Signs in, or renews the token of a socket that lives on.
    Authenticate {
        /// An access token.
        token: String,
    },
    /// Joins a room and receives what is said there from now on.
    Join {
        /// Name or id.
        room: String,
        /// The client's trace.
        traceparent: Option<String>,
    },
    /// Stops receiving from a room.
    Leave {
        /// Name or id.
        room: String,
    },
    /// Says something.
    Message {
        /// The client's own id; sending it twice stores the message once.
        id: Option<String>,
        /// Name or id of a joined room.
        room: String,
        /// At most 4,000 characters.
        text: String,
        /// The client's trace.
        traceparent: Option<String>,
        /// The writer's distance from UTC, for "tomorrow".
        utc_offset_minutes: Option<i32>,
    },
    /// Asks for a `pong`.
    Ping {},
}

impl ClientFrame {
    /// The frame's name as a metric label.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Authenticate { .. } => "authenticate",
            Self::Join { .. } => "join",
            Self::Leave { .. } => "leave",
            Self::Message { .. } => "message",
            Self::Ping {} => "ping",
        }
    }
}

/// Someone, as others see them.
#[derive(Clone, Debug, Serialize)]
pub struct Person<'a> {
    /// Account id.
    pub id: Uuid,
    /// Display name.
    pub name: &'a str,
}

/// A room, as frames name it.
#[derive(Clone, Debug, Serialize)]
pub struct RoomName<'a> {
    /// Room id.
    pub id: Uuid,
    /// Unique name.
    pub name: &'a str,
}

/// What the server sends.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame<'a> {
    /// The socket is authenticated.
    Ready {
        /// Who was signed in.
        user: Person<'a>,
        /// This socket's id.
        session: Uuid,
        /// When the token runs out; renew it before by `authenticate`.
        expires_at: DateTime<Utc>,
    },
    /// A room was joined.
    Joined {
        /// The room.
        room: RoomName<'a>,
        /// How many belong to it.
        members: i64,
    },
    /// A room was left.
    Left {
        /// Name or id, as the client gave it.
        room: &'a str,
    },
    /// Somebody said something.
    Message {
        /// The message's id.
        id: Uuid,
        /// The sender's own id for it.
        #[serde(skip_serializing_if = "Option::is_none")]
        client_id: Option<&'a str>,
        /// The room's name.
        room: &'a str,
        /// The room's id.
        room_id: Uuid,
        /// The sender.
        from: Person<'a>,
        /// What was said.
        text: &'a str,
        /// When it was stored.
        sent_at: DateTime<Utc>,
        /// The trace it belongs to.
        traceparent: Option<&'a str>,
    },
    /// A task of this user changed.
    Task {
        /// `created`, `completed`, `reopened` or `deleted`.
        change: &'a str,
        /// The task as todo-api answered; of a deleted one only the id.
        task: &'a RawValue,
        /// The id of the message that asked for it.
        #[serde(skip_serializing_if = "Option::is_none")]
        client_id: Option<&'a str>,
        /// The trace it belongs to.
        traceparent: Option<&'a str>,
    },
    /// Something the user wants to know now.
    Notification {
        /// The notification.
        notification: &'a RawValue,
        /// The trace it belongs to.
        traceparent: Option<&'a str>,
    },
    /// A frame was refused.
    Error {
        /// A stable code.
        code: &'a str,
        /// For people.
        detail: &'a str,
        /// The id of the refused message.
        #[serde(skip_serializing_if = "Option::is_none")]
        client_id: Option<&'a str>,
        /// The trace it belongs to.
        #[serde(skip_serializing_if = "Option::is_none")]
        traceparent: Option<&'a str>,
    },
    /// The answer to `ping`.
    Pong {},
}

impl ServerFrame<'_> {
    /// The frame's name as a metric label.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Ready { .. } => Kind::Ready,
            Self::Joined { .. } => Kind::Joined,
            Self::Left { .. } => Kind::Left,
            Self::Message { .. } => Kind::Message,
            Self::Task { .. } => Kind::Task,
            Self::Notification { .. } => Kind::Notification,
            Self::Error { .. } => Kind::Error,
            Self::Pong {} => Kind::Pong,
        }
    }
}

/// The kinds of frame a server sends; small enough to travel beside the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// See [`ServerFrame::Ready`].
    Ready,
    /// See [`ServerFrame::Joined`].
    Joined,
    /// See [`ServerFrame::Left`].
    Left,
    /// See [`ServerFrame::Message`].
    Message,
    /// See [`ServerFrame::Task`].
    Task,
    /// See [`ServerFrame::Notification`].
    Notification,
    /// See [`ServerFrame::Error`].
    Error,
    /// See [`ServerFrame::Pong`].
    Pong,
}

impl Kind {
    /// All kinds, in the order of their metric handles.
    pub const ALL: [Self; 8] = [
        Self::Ready,
        Self::Joined,
        Self::Left,
        Self::Message,
        Self::Task,
        Self::Notification,
        Self::Error,
        Self::Pong,
    ];

    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Joined => "joined",
            Self::Left => "left",
            Self::Message => "message",
            Self::Task => "task",
            Self::Notification => "notification",
            Self::Error => "error",
            Self::Pong => "pong",
        }
    }

    /// Whether a slow reader may miss it: what others say can be read again in
    /// the room's history, and a pong means nothing once it is late.
    #[must_use]
    pub fn may_be_dropped(self) -> bool {
        matches!(self, Self::Message | Self::Pong)
    }
}
