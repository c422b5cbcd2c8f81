//! How an exchange can fail, as a bounded set.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io;

use serde::Serialize;

/// An exchange without a complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
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
    pub(crate) fn exchanging(error: &hyper::Error) -> Self {
        if error.is_parse_too_large() {
            return Self::TooLarge;
        }
        if let Some(kind) = io_kind(error) {
            match kind {
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => return Self::Reset,
                io::ErrorKind::UnexpectedEof => return Self::Closed,
                _ => {}
            }
        }
        if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
            Self::Closed
        } else {
            Self::Protocol
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
            Self::Protocol => "not HTTP",
        })
    }
}

fn io_kind(error: &hyper::Error) -> Option<io::ErrorKind> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        source = error.source();
    }
    None
}
