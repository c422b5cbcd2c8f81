//! The Redis protocol: reading commands, writing answers.

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// Nothing the services store is near this; it bounds what a client can ask us
/// to hold.
const LONGEST: usize = 16 * 1024 * 1024;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Status(&'static str),
    Failure(String),
    Number(i64),
    Bulk(Vec<u8>),
    Nothing,
    Map(Vec<(Value, Value)>),
    /// Something sent without being asked for: a published message.
    Push(Vec<Value>),
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        Self::Bulk(text.as_bytes().to_vec())
    }

    /// Writes it in version 3 of the protocol, or in version 2, which knows
    /// neither maps nor pushes and writes arrays instead.
    pub(super) fn write(&self, version: u8, out: &mut Vec<u8>) {
        let line = |out: &mut Vec<u8>, kind: char, rest: &str| {
            out.extend_from_slice(format!("{kind}{rest}\r\n").as_bytes());
        };
        match self {
            Self::Status(word) => line(out, '+', word),
            Self::Failure(reason) => line(out, '-', reason),
            Self::Number(number) => line(out, ':', &number.to_string()),
            Self::Bulk(bytes) => {
                line(out, '$', &bytes.len().to_string());
                out.extend_from_slice(bytes);
                out.extend_from_slice(b"\r\n");
            }
            Self::Nothing if version >= 3 => line(out, '_', ""),
            Self::Nothing => line(out, '$', "-1"),
            Self::Map(pairs) => {
                let (kind, count) = if version >= 3 {
                    ('%', pairs.len())
                } else {
                    ('*', pairs.len() * 2)
                };
                line(out, kind, &count.to_string());
                for (key, value) in pairs {
                    key.write(version, out);
                    value.write(version, out);
                }
            }
            Self::Push(items) => {
                let kind = if version >= 3 { '>' } else { '*' };
                line(out, kind, &items.len().to_string());
                items.iter().for_each(|item| item.write(version, out));
            }
        }
    }
}

/// Reads one command and its arguments; `None` at the end of the stream.
pub(super) async fn read_command(
    input: &mut (impl AsyncBufRead + Unpin),
) -> Result<Option<Vec<Vec<u8>>>> {
    let Some(line) = read_line(input).await? else {
        return Ok(None);
    };
    let Some(count) = line.strip_prefix('*') else {
        // Typed by hand: words on one line.
        return Ok(Some(
            line.split_whitespace()
                .map(|word| word.as_bytes().to_vec())
                .collect(),
        ));
    };
    let count = number(count)?;
    let mut command = Vec::new();
    for _ in 0..count {
        let line = read_line(input).await?.ok_or(ErrorKind::UnexpectedEof)?;
        let length = number(
            line.strip_prefix('$')
                .ok_or_else(|| malformed("expected $"))?,
        )?;
        let mut bytes = vec![0; length + 2];
        input.read_exact(&mut bytes).await?;
        bytes.truncate(length);
        command.push(bytes);
    }
    Ok(Some(command))
}

async fn read_line(input: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<String>> {
    let mut line = String::new();
    let mut bounded = input.take(64 * 1024);
    if bounded.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    Ok(Some(line.trim_end().to_owned()))
}

fn number(text: &str) -> Result<usize> {
    let number = text.parse().ok().filter(|number| *number <= LONGEST);
    number.ok_or_else(|| malformed("not a length"))
}

fn malformed(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}
