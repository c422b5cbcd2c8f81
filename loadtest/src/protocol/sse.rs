//! Reads a stream of server-sent events (WHATWG HTML, "Interpreting an event
//! stream").

/// The most bytes of an event that has not ended.
const LARGEST: usize = 1 << 20;

/// Finds events in a stream as its bytes come.
#[derive(Debug, Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    data: Option<String>,
    after_return: bool,
}

/// An event larger than what is accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl Events {
    /// The data of the events that end in these bytes.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<Vec<String>, TooLarge> {
        let mut events = Vec::new();
        for &byte in bytes {
            let of_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if of_return => {}
                b'\n' | b'\r' => events.extend(self.end_of_line()),
                byte => self.line.push(byte),
            }
            let open = self.line.len() + self.data.as_ref().map_or(0, String::len);
            if open > LARGEST {
                return Err(TooLarge);
            }
        }
        Ok(events)
    }

    fn end_of_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.data.take();
        }
        let text = String::from_utf8_lossy(&line);
        let (field, value) = text.split_once(':').unwrap_or((&text, ""));
        if field == "data" {
            let value = value.strip_prefix(' ').unwrap_or(value);
            match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                none => *none = Some(value.to_owned()),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_wherever_the_stream_is_cut() {
        let stream = b": hello\r\ndata: one\r\n\r\nevent: x\ndata:two\ndata: lines\n\n\ndata\n\nid: 5\n\ndata: last";
        let expected = ["one", "two\nlines", ""];
        assert_eq!(Events::default().read(stream).unwrap(), expected);
        let mut bytewise = Events::default();
        let found: Vec<String> = stream
            .iter()
            .flat_map(|byte| bytewise.read(&[*byte]).unwrap())
            .collect();
        assert_eq!(found, expected);
        let endless = vec![b'x'; LARGEST + 1];
        assert_eq!(Events::default().read(&endless), Err(TooLarge));
    }
}
