use std::sync::LazyLock;

use metrics::Counter;

use crate::metrics::IDEMPOTENT_REQUESTS;

/// What became of a request with a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// It was done, and its answer kept.
    Executed,
    /// It had been done: its answer was given again.
    Replayed,
    /// It was refused: nothing is kept.
    Released,
    /// The first one is not done yet.
    Running,
    /// The key is that of another request.
    Mismatched,
}

impl Outcome {
    const ALL: [Self; 5] = [
        Self::Executed,
        Self::Replayed,
        Self::Released,
        Self::Running,
        Self::Mismatched,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::Executed => "executed",
            Self::Replayed => "replayed",
            Self::Released => "released",
            Self::Running => "running",
            Self::Mismatched => "mismatched",
        }
    }

    /// Counts it.
    pub(super) fn happened(self) {
        static HAPPENED: LazyLock<[Counter; 5]> = LazyLock::new(|| {
            Outcome::ALL.map(|outcome| IDEMPOTENT_REQUESTS.counter_handle(&[outcome.label()]))
        });
        HAPPENED[self as usize].increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_is_declared() {
        let declared = IDEMPOTENT_REQUESTS.labels[0].values.unwrap();
        assert_eq!(Outcome::ALL.map(Outcome::label), declared);
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::ALL[outcome as usize].label(), outcome.label());
        }
    }
}
