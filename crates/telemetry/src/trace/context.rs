//! The context of one user action: trace, span, request id, debug flag.

use std::fmt;

tokio::task_local! {
    pub(crate) static CURRENT: Context;
}

/// The context of the task that calls, if it runs inside a [`crate::Span::scope`].
pub fn current() -> Option<Context> {
    CURRENT.try_with(Clone::clone).ok()
}

/// As [`current`], without a copy.
pub(crate) fn with_current<R>(look: impl Fn(Option<&Context>) -> R) -> R {
    CURRENT
        .try_with(|context| look(Some(context)))
        .unwrap_or_else(|_| look(None))
}

/// The W3C part of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanContext {
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
    pub(crate) flags: u8,
    /// It came from another process.
    pub(crate) remote: bool,
}

impl SpanContext {
    pub(crate) const SAMPLED: u8 = 1;
    /// No span.
    pub(crate) const NONE: Self = Self {
        trace_id: 0,
        span_id: 0,
        flags: 0,
        remote: false,
    };

    pub(crate) fn is_valid(&self) -> bool {
        self.trace_id != 0 && self.span_id != 0
    }

    pub(crate) fn is_sampled(&self) -> bool {
        self.flags & Self::SAMPLED != 0
    }
}

/// An `X-Request-ID`, in place: copying it costs less than counting who has it.
#[derive(Clone, Copy)]
pub(crate) struct RequestId {
    bytes: [u8; Self::MAX_LENGTH],
    length: u8,
}

impl RequestId {
    pub(crate) const MAX_LENGTH: usize = 64;
    /// An empty one.
    pub(crate) const NONE: Self = Self {
        bytes: [0; Self::MAX_LENGTH],
        length: 0,
    };

    /// `None` if it is longer than [`RequestId::MAX_LENGTH`].
    pub(crate) fn new(id: &str) -> Option<Self> {
        let mut bytes = [0; Self::MAX_LENGTH];
        bytes.get_mut(..id.len())?.copy_from_slice(id.as_bytes());
        let length = u8::try_from(id.len()).ok()?;
        Some(Self { bytes, length })
    }

    pub(crate) fn as_str(&self) -> &str {
        // It was made from a text.
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// Trace id, span id and what else crosses a border with them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Context {
    pub(crate) span: SpanContext,
    pub(crate) debug: bool,
    /// Nothing under this context makes a span.
    pub(crate) untraced: bool,
    pub(crate) request_id: Option<RequestId>,
}

/// Runs work that belongs to no action (polls, house-keeping) without spans:
/// it would otherwise begin a trace each time, every few seconds, for ever.
/// Metrics and log lines are as ever.
pub async fn untraced<F: Future>(work: F) -> F::Output {
    let context = Context {
        span: SpanContext::NONE,
        debug: false,
        untraced: true,
        request_id: None,
    };
    CURRENT.scope(context, work).await
}

impl Context {
    /// Reads a W3C `traceparent` (version 00, or a later one by its first four
    /// fields). `None` if it is malformed or all zero: the caller then begins a
    /// trace of its own, as <https://www.w3.org/TR/trace-context/> demands.
    pub fn parse(traceparent: &str) -> Option<Self> {
        let mut fields = traceparent.split('-');
        let (version, trace, span, flags) = (
            fields.next()?,
            fields.next()?,
            fields.next()?,
            fields.next()?,
        );
        let known = match from_hex(version, 2)? {
            0xff => false,
            0 => fields.next().is_none(),
            _ => true,
        };
        if !known {
            return None;
        }
        let span = SpanContext {
            trace_id: from_hex(trace, 32)?,
            span_id: u64::try_from(from_hex(span, 16)?).ok()?,
            flags: u8::try_from(from_hex(flags, 2)?).ok()?,
            remote: true,
        };
        span.is_valid().then_some(Self {
            span,
            debug: false,
            untraced: false,
            request_id: None,
        })
    }

    /// This context as a W3C `traceparent`.
    pub fn traceparent(&self) -> String {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        to_hex(&self.span.trace_id.to_be_bytes(), &mut text[3..35]);
        to_hex(&self.span.span_id.to_be_bytes(), &mut text[36..52]);
        to_hex(&[self.span.flags], &mut text[53..]);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The trace id as 32 lower-case hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.span.trace_id)
    }

    /// The span id as 16 lower-case hexadecimal digits.
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span.span_id)
    }

    /// Whether this trace is recorded and exported.
    pub fn sampled(&self) -> bool {
        self.span.is_sampled()
    }

    /// The `X-Request-ID` of the request this context began with.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_ref().map(RequestId::as_str)
    }
}

/// The number that `digits` lower-case hexadecimal digits stand for.
fn from_hex(text: &str, digits: usize) -> Option<u128> {
    if text.len() != digits {
        return None;
    }
    text.bytes().try_fold(0, |number, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

/// Writes `bytes` as lower-case hexadecimal digits, two for each.
pub(crate) fn to_hex(bytes: &[u8], text: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, two) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        two[0] = DIGITS[usize::from(byte >> 4)];
        two[1] = DIGITS[usize::from(byte & 15)];
    }
}

#[cfg(test)]
mod tests {
    use super::Context;

    #[test]
    fn a_traceparent_survives_the_round_trip() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = Context::parse(text).expect("well formed");
        assert!(context.sampled());
        assert_eq!(context.traceparent(), text);
    }

    #[test]
    fn malformed_traceparents_are_refused() {
        for text in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
            "00-4bf92f3577b34da6a3ce929d0e0e473ü-00f067aa0ba902b7-01",
        ] {
            assert!(Context::parse(text).is_none(), "accepted {text:?}");
        }
    }

    #[test]
    fn a_later_version_is_read_by_its_first_fields() {
        let text = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-future";
        assert!(Context::parse(text).is_some());
    }
}
