//! What has been read of a connection and not yet used.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::Broken;

/// Enough for most answers; thousands of connections have one each.
const SMALL: usize = 4 * 1024;
/// The largest head of an answer, and the most that is read at once.
pub(super) const LARGEST: usize = 256 * 1024;

#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; SMALL],
            start: 0,
            end: 0,
        }
    }

    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn consume(&mut self, size: usize) {
        self.start += size;
        debug_assert!(self.start <= self.end);
    }

    /// Reads more, making room for it.
    pub(super) async fn fill(&mut self, stream: &mut TcpStream) -> Result<(), Broken> {
        if self.is_empty() {
            let filled = self.end == self.bytes.len();
            (self.start, self.end) = (0, 0);
            // A large body: fewer reads, up to a bound.
            if filled && self.bytes.len() < LARGEST / 4 {
                self.bytes.resize(self.bytes.len() * 2, 0);
            }
        } else if self.end == self.bytes.len() {
            if self.start > 0 {
                self.bytes.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            } else if self.bytes.len() < LARGEST {
                self.bytes.resize(self.bytes.len() * 2, 0);
            } else {
                return Err(Broken::TooLarge);
            }
        }
        match stream.read(&mut self.bytes[self.end..]).await? {
            0 => Err(Broken::Closed),
            read => {
                self.end += read;
                Ok(())
            }
        }
    }
}
