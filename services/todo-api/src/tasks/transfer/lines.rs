use axum::body::{Body, BodyDataStream};
use bytes::{Buf, Bytes};
use futures_util::StreamExt;

use crate::Error;

/// Longest line. A task with each of its texts as long as it may be fits, with
/// every character escaped.
const MAX_LINE: usize = 64 << 10;
/// Largest file.
const MAX_BODY: usize = 16 << 20;

/// A body line by line. No more of it is held than a line and what has just
/// arrived.
pub(super) struct Lines {
    body: BodyDataStream,
    arrived: Bytes,
    read: usize,
    number: usize,
    ended: bool,
}

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Text(String),
    TooLong,
    NotUtf8,
}

impl Lines {
    pub(super) fn new(body: Body) -> Self {
        Self {
            body: body.into_data_stream(),
            arrived: Bytes::new(),
            read: 0,
            number: 0,
            ended: false,
        }
    }

    /// The number of the line that was read last, from 1.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// The next line; none after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Line>, Error> {
        let mut line = Vec::new();
        let mut too_long = false;
        let mut begun = false;
        loop {
            if self.arrived.is_empty() && !self.receive().await? {
                break;
            }
            begun = true;
            let end = self.arrived.iter().position(|byte| *byte == b'\n');
            let part = end.unwrap_or(self.arrived.len());
            // One more for the carriage return.
            if line.len() + part <= MAX_LINE + 1 {
                line.extend_from_slice(&self.arrived[..part]);
            } else {
                too_long = true;
            }
            self.arrived.advance(part + usize::from(end.is_some()));
            if end.is_some() {
                break;
            }
        }
        if !begun {
            return Ok(None);
        }
        self.number += 1;
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(Some(match String::from_utf8(line) {
            _ if too_long => Line::TooLong,
            Ok(text) if text.len() > MAX_LINE => Line::TooLong,
            Ok(text) => Line::Text(text),
            Err(_) => Line::NotUtf8,
        }))
    }

    /// Whether anything more came.
    async fn receive(&mut self) -> Result<bool, Error> {
        while self.arrived.is_empty() && !self.ended {
            match self.body.next().await {
                Some(Ok(bytes)) => self.arrived = bytes,
                Some(Err(_)) => return Err(Error::BodyUnreadable),
                None => self.ended = true,
            }
            self.read += self.arrived.len();
            if self.read > MAX_BODY {
                return Err(Error::FileTooLarge);
            }
        }
        Ok(!self.arrived.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    async fn read(parts: Vec<Vec<u8>>) -> Vec<Line> {
        let parts = parts.into_iter().map(Ok::<_, Infallible>);
        let mut lines = Lines::new(Body::from_stream(stream::iter(parts)));
        let mut read = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            read.push(line);
            assert_eq!(lines.number(), read.len());
        }
        read
    }

    fn text(text: &str) -> Line {
        Line::Text(text.to_owned())
    }

    #[tokio::test]
    async fn lines_end_where_they_end_however_they_arrive() {
        let whole = "one\r\nzwö\n\nlast".as_bytes();
        let expected = [text("one"), text("zwö"), text(""), text("last")];
        for size in 1..=whole.len() {
            let parts = whole.chunks(size).map(<[u8]>::to_vec).collect();
            assert_eq!(read(parts).await, expected);
        }
        assert_eq!(read(vec![]).await, []);
        assert_eq!(read(vec![b"a\n".to_vec()]).await, [text("a")]);
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_or_no_text_is_passed_over() {
        let longest = "x".repeat(MAX_LINE);
        let file = format!("{longest}\r\nx{longest}\nnext\n");
        assert_eq!(
            read(vec![file.into_bytes(), vec![0xff, b'\n']]).await,
            [text(&longest), Line::TooLong, text("next"), Line::NotUtf8]
        );
    }

    #[tokio::test]
    async fn a_file_has_an_end() {
        let endless = stream::repeat_with(|| Ok::<_, Infallible>(vec![b'x'; 1 << 16]));
        let mut lines = Lines::new(Body::from_stream(endless));
        assert!(matches!(lines.next().await, Err(Error::FileTooLarge)));
    }
}
