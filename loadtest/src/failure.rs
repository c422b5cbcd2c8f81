//! How an exchange can fail, as a bounded set.

use std::fmt::{self, Display, Formatter};
use std::io;

use serde::{Deserialize, Serialize};

use crate::http1::Broken;

/// An exchange without a complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The connection was refused.
    Refused,
    /// The connection could not be made for another reason.
    Connect,
    /// No complete answer within the timeout.
    Timeout,
    /// The connection was reset.
    Reset,
    /// The connection was closed before the answer was complete.
    Closed,
    /// The answer's head is larger than what is accepted.
    TooLarge,
    /// What came is not HTTP, or the exchange failed in another way.
    Protocol,
    /// The other side refused: a handshake of WebSocket, a message to Kafka.
    Rejected,
    /// What was sent had no effect in time, or a frame was not heard by a receiver.
    Missing,
    /// A value that a template names was not captured, or an answer does not have
    /// what is to be captured.
    Value,
}

impl Failure {
    /// Of a connection that could not be made.
    pub(crate) fn connecting(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::ConnectionReset => Self::Reset,
            _ => Self::Connect,
        }
    }

    /// Of an exchange on a connection.
    pub(crate) fn exchanging(error: &Broken) -> Self {
        match error {
            Broken::TooLarge => Self::TooLarge,
            Broken::Closed => Self::Closed,
            Broken::Protocol(_) => Self::Protocol,
            Broken::Unsent => Self::Reset,
            Broken::Io(error) => match error.kind() {
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Self::Reset,
                io::ErrorKind::UnexpectedEof => Self::Closed,
                io::ErrorKind::TimedOut => Self::Timeout,
                _ => Self::Protocol,
            },
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "connection refused",
            Self::Connect => "no connection",
            Self::Timeout => "timeout",
            Self::Reset => "connection reset",
            Self::Closed => "connection closed before the answer's end",
            Self::TooLarge => "answer's head too large",
            Self::Protocol => "not the protocol",
            Self::Rejected => "rejected",
            Self::Missing => "no effect in time",
            Self::Value => "a value was missing",
        })
    }
}
