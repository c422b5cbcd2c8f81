//! The body of an answer, to the end that its head has announced.

use httparse::{EMPTY_HEADER, Status};
use tokio::net::TcpStream;

use super::buffer::{Buffer, LARGEST};
use super::head::Framing;
use super::{Broken, Sink};

/// Fields after the last chunk at most.
const TRAILERS: usize = 64;
/// Bytes of a chunk's size and its extensions at most.
const SIZE_LINE: usize = 4 * 1024;

pub(super) struct Body {
    framing: Framing,
    given_up: bool,
    bytes: u64,
}

impl Body {
    pub(super) fn new(framing: Framing) -> Self {
        Self {
            framing,
            given_up: false,
            bytes: 0,
        }
    }

    /// It was read to an end that was not the connection's.
    pub(super) fn is_delimited(&self) -> bool {
        !self.given_up && self.framing != Framing::Close
    }

    /// Reads it, and says how long it was.
    pub(super) async fn read(
        &mut self,
        buffer: &mut Buffer,
        stream: &mut TcpStream,
        sink: &mut impl Sink,
    ) -> Result<u64, Broken> {
        match self.framing {
            Framing::Length(length) => self.take(length, buffer, stream, sink).await?,
            Framing::Chunked => self.chunks(buffer, stream, sink).await?,
            Framing::Close => match self.take(u64::MAX, buffer, stream, sink).await {
                Ok(()) | Err(Broken::Closed) => {}
                Err(error) => return Err(error),
            },
        }
        Ok(self.bytes)
    }

    async fn take(
        &mut self,
        mut left: u64,
        buffer: &mut Buffer,
        stream: &mut TcpStream,
        sink: &mut impl Sink,
    ) -> Result<(), Broken> {
        while left > 0 && !self.given_up {
            if buffer.is_empty() {
                buffer.fill(stream).await?;
            }
            let unread = buffer.unread();
            let size = usize::try_from(left).map_or(unread.len(), |left| left.min(unread.len()));
            self.given_up = sink.data(&unread[..size]).is_break();
            buffer.consume(size);
            left -= size as u64;
            self.bytes += size as u64;
        }
        Ok(())
    }

    async fn chunks(
        &mut self,
        buffer: &mut Buffer,
        stream: &mut TcpStream,
        sink: &mut impl Sink,
    ) -> Result<(), Broken> {
        loop {
            let size = loop {
                match httparse::parse_chunk_size(buffer.unread()) {
                    Ok(Status::Complete((used, size))) => {
                        buffer.consume(used);
                        break size;
                    }
                    Ok(Status::Partial) if buffer.unread().len() > SIZE_LINE => {
                        return Err(Broken::TooLarge);
                    }
                    Ok(Status::Partial) => buffer.fill(stream).await?,
                    Err(_) => return Err(Broken::Protocol("no size of a chunk")),
                }
            };
            if size == 0 {
                return trailers(buffer, stream).await;
            }
            self.take(size, buffer, stream, sink).await?;
            if self.given_up {
                return Ok(());
            }
            while buffer.unread().len() < 2 {
                buffer.fill(stream).await?;
            }
            if !buffer.unread().starts_with(b"\r\n") {
                return Err(Broken::Protocol("a chunk longer than its size"));
            }
            buffer.consume(2);
        }
    }
}

/// The fields after the last chunk, which nobody asked for, and the empty line.
async fn trailers(buffer: &mut Buffer, stream: &mut TcpStream) -> Result<(), Broken> {
    loop {
        let mut fields = [EMPTY_HEADER; TRAILERS];
        match httparse::parse_headers(buffer.unread(), &mut fields) {
            Ok(Status::Complete((used, _))) => {
                buffer.consume(used);
                return Ok(());
            }
            Ok(Status::Partial) if buffer.unread().len() >= LARGEST => {
                return Err(Broken::TooLarge);
            }
            Ok(Status::Partial) => buffer.fill(stream).await?,
            Err(httparse::Error::TooManyHeaders) => return Err(Broken::TooLarge),
            Err(_) => return Err(Broken::Protocol("no trailers")),
        }
    }
}
