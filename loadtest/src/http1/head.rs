//! The head of an answer: its status, and how long its body is (RFC 9112, 6.3).

use std::mem::MaybeUninit;

use http::StatusCode;
use httparse::{Error, Header, ParserConfig, Response, Status};

use super::{Broken, Sink};

/// Header fields of an answer at most.
const FIELDS: usize = 128;

/// Where the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    Close,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) framing: Framing,
    /// The server keeps the connection.
    pub(super) keep: bool,
}

/// The head at the beginning of `bytes` and its size, if it is complete. An interim
/// answer is `None` in its place.
pub(super) fn parse(
    bytes: &[u8],
    head_only: bool,
    sink: &mut impl Sink,
) -> Result<Option<(Option<Head>, usize)>, Broken> {
    let mut fields = [const { MaybeUninit::<Header<'_>>::uninit() }; FIELDS];
    let mut answer = Response::new(&mut []);
    let parsed =
        ParserConfig::default().parse_response_with_uninit_headers(&mut answer, bytes, &mut fields);
    let size = match parsed {
        Ok(Status::Partial) => return Ok(None),
        Ok(Status::Complete(size)) => size,
        Err(Error::TooManyHeaders) => return Err(Broken::TooLarge),
        Err(_) => return Err(Broken::Protocol("no head of an answer")),
    };
    // A complete head has both.
    let (Some(code), Some(minor)) = (answer.code, answer.version) else {
        return Err(Broken::Protocol("no status"));
    };
    let status = StatusCode::from_u16(code).map_err(|_| Broken::Protocol("no status"))?;
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Broken::Protocol("another protocol, unasked"));
    }
    if status.is_informational() {
        return Ok(Some((None, size)));
    }
    let said = Said::of(answer.headers)?;
    let keep = if minor == 0 {
        said.keep_alive && !said.close
    } else {
        !said.close
    };
    let empty = head_only || matches!(code, 204 | 304);
    let (framing, keep) = match (said.chunked, said.length) {
        _ if empty => (Framing::Length(0), keep),
        // Both: the chunks count, and nobody can be sure of what follows.
        (Some(true), length) => (Framing::Chunked, keep && length.is_none()),
        (Some(false), _) | (None, None) => (Framing::Close, false),
        (None, Some(length)) => (Framing::Length(length), keep),
    };
    sink.head(status, answer.headers);
    let head = Head {
        status,
        framing,
        keep,
    };
    Ok(Some((Some(head), size)))
}

/// What the header fields say of the body and the connection.
#[derive(Default)]
struct Said {
    length: Option<u64>,
    /// Whether the last transfer coding is `chunked`, if there is one.
    chunked: Option<bool>,
    close: bool,
    keep_alive: bool,
}

impl Said {
    fn of(fields: &[Header<'_>]) -> Result<Self, Broken> {
        let mut said = Self::default();
        for field in fields {
            // By length first: most fields are none of these.
            match field.name.len() {
                14 if field.name.eq_ignore_ascii_case("content-length") => {
                    // A list of equal values is one that proxies have joined.
                    for value in tokens(field.value) {
                        let length = length(value)?;
                        if said.length.is_some_and(|known| known != length) {
                            return Err(Broken::Protocol("two lengths"));
                        }
                        said.length = Some(length);
                    }
                    if said.length.is_none() {
                        return Err(Broken::Protocol("no length"));
                    }
                }
                17 if field.name.eq_ignore_ascii_case("transfer-encoding") => {
                    let last = tokens(field.value).last();
                    said.chunked = Some(last.is_some_and(|l| l.eq_ignore_ascii_case(b"chunked")));
                }
                10 if field.name.eq_ignore_ascii_case("connection") => {
                    for option in tokens(field.value) {
                        said.close |= option.eq_ignore_ascii_case(b"close");
                        said.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                _ => {}
            }
        }
        Ok(said)
    }
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn length(digits: &[u8]) -> Result<u64, Broken> {
    // `parse` alone would take a sign.
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(Broken::Protocol("no length"));
    }
    let text = std::str::from_utf8(digits).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or(Broken::Protocol("no length"))
}
