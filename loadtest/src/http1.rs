//! HTTP/1.1 on one connection, as much of it as a client needs that sends one
//! request after the other: made for a send path without a task, a channel or an
//! allocation of its own (docs/adr/0009). Answers are parsed and checked in full.
//! The engine of a single request and the journeys of scenarios send with it.

mod body;
mod buffer;
mod head;
pub(crate) mod request;

use std::future::poll_fn;
use std::io;
use std::iter;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::pin::Pin;

use bytes::Bytes;
use http::StatusCode;
use httparse::Header;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use body::Body;
use buffer::Buffer;
use head::Head;

/// Answers such as 103 that may come before the one that counts.
const INTERIM: usize = 16;

/// Why an exchange has no complete answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The server closed before the end of the answer.
    #[error("closed before the answer's end")]
    Closed,
    /// A head, or what stands between chunks, is larger than what is accepted.
    #[error("the answer's head is too large")]
    TooLarge,
    /// Not HTTP/1.1.
    #[error("not HTTP: {0}")]
    Protocol(&'static str),
    /// The connection ended before a byte of the request was sent: it can go again.
    #[error("closed before the request")]
    Unsent,
}

/// A request, ready to go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wire<'a> {
    /// Its head, with as much of the body as goes in the same write.
    pub(crate) bytes: &'a [u8],
    /// The rest of the body.
    pub(crate) rest: &'a [Bytes],
    /// It asks with HEAD, so the answer has no body.
    pub(crate) head_only: bool,
}

/// Who looks at an answer while it comes.
pub(crate) trait Sink {
    /// The head of the final answer.
    fn head(&mut self, _status: StatusCode, _headers: &[Header<'_>]) {}

    /// A part of its body; `Break` gives up the rest, and the connection.
    fn data(&mut self, _data: &[u8]) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Who does not care.
impl Sink for () {}

/// A complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Of its body.
    pub(crate) bytes: u64,
}

/// A connection of TCP, for whatever is spoken on it.
pub(crate) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // A small request must not wait for the acknowledgement of the last one.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// An open connection; dropping it closes it, whatever is under way.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Buffer,
    /// Another request may follow.
    open: bool,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            stream: connect(address).await?,
            buffer: Buffer::new(),
            open: true,
        })
    }

    /// Whether a request may be sent: the server has neither closed the connection
    /// nor said anything unasked. Costs a system call only if something came.
    pub(crate) fn is_open(&mut self) -> bool {
        if !self.open {
            return false;
        }
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        if self.stream.poll_read_ready(&mut context).is_ready() {
            let mut byte = [0];
            let nothing = self.stream.try_read(&mut byte);
            self.open = matches!(nothing, Err(e) if e.kind() == io::ErrorKind::WouldBlock);
        }
        self.open
    }

    /// Sends a request, and reads the answer to its end.
    pub(crate) async fn exchange(
        &mut self,
        request: Wire<'_>,
        sink: &mut impl Sink,
    ) -> Result<Answer, Broken> {
        // Set again by an answer that ends as it should.
        self.open = false;
        let sent = self.send(request).await?;
        let head = self.head(request.head_only, sink).await?;
        let mut body = Body::new(head.framing);
        let bytes = body.read(&mut self.buffer, &mut self.stream, sink).await?;
        self.open = sent && head.keep && body.is_delimited() && self.buffer.is_empty();
        Ok(Answer {
            status: head.status,
            bytes,
        })
    }

    /// Sends all of it, or as much as the server takes before it answers.
    async fn send(&mut self, request: Wire<'_>) -> Result<bool, Broken> {
        let Wire { bytes, rest, .. } = request;
        let first = poll_fn(|context| Pin::new(&mut self.stream).poll_write(context, bytes));
        let sent = match first.await {
            Ok(sent) if sent == bytes.len() && rest.is_empty() => return Ok(true),
            Ok(sent) => sent,
            Err(_) => return Err(Broken::Unsent),
        };
        for piece in iter::once(&bytes[sent..]).chain(rest.iter().map(|piece| &piece[..])) {
            if !self.push(piece).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends a piece of a request that does not go at once. A server may refuse a
    /// large body before it has read it, and not read on: then nobody would ever take
    /// the rest.
    async fn push(&mut self, mut piece: &[u8]) -> Result<bool, Broken> {
        while !piece.is_empty() {
            let (read, write) = self.stream.split();
            let mut write = write;
            tokio::select! {
                biased;
                written = write.write(piece) => match written {
                    Ok(written) => piece = &piece[written..],
                    // Perhaps it has said why.
                    Err(_) => return Ok(false),
                },
                ready = read.readable() => {
                    ready?;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn head(&mut self, head_only: bool, sink: &mut impl Sink) -> Result<Head, Broken> {
        let mut interim = 0;
        loop {
            if self.buffer.is_empty() {
                self.buffer.fill(&mut self.stream).await?;
            }
            match head::parse(self.buffer.unread(), head_only, sink)? {
                None => self.buffer.fill(&mut self.stream).await?,
                Some((None, size)) => {
                    interim += 1;
                    if interim > INTERIM {
                        return Err(Broken::Protocol("interim answers without end"));
                    }
                    self.buffer.consume(size);
                }
                Some((Some(head), size)) => {
                    self.buffer.consume(size);
                    return Ok(head);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
