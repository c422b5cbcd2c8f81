//! The body of a request: a few pieces that need not be copied together.

use bytes::Bytes;

/// Pieces, sent in order under one content length.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts(Vec<Bytes>);

impl Parts {
    pub(crate) fn add(&mut self, piece: impl Into<Bytes>) {
        let piece = piece.into();
        if !piece.is_empty() {
            self.0.push(piece);
        }
    }

    /// The bytes of all.
    pub(crate) fn length(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    pub(crate) fn pieces(&self) -> &[Bytes] {
        &self.0
    }
}
