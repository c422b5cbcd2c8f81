//! What came of a promise.

use std::fmt;

use serde::Serialize;

/// A promise, how much of it is kept, and what is not.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// What is promised.
    pub promise: &'static str,
    /// Of how many things it is so.
    pub kept: usize,
    /// Of how many it should be.
    pub of: usize,
    /// What else there is to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where it is not so, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

impl Outcome {
    /// A promise that nothing has been counted of.
    pub(super) fn new(promise: &'static str) -> Self {
        Self {
            promise,
            kept: 0,
            of: 0,
            note: None,
            faults: Vec::new(),
        }
    }

    /// One that could not be looked into at all.
    pub(super) fn unseen(promise: &'static str, why: impl fmt::Display) -> Self {
        let mut outcome = Self::new(promise);
        outcome.fails(why);
        outcome
    }

    /// One more thing, and that it is as it should be.
    pub(super) fn keeps(&mut self) {
        self.kept += 1;
        self.of += 1;
    }

    /// One more thing, and why it is not as it should be.
    pub(super) fn fails(&mut self, why: impl fmt::Display) {
        self.of += 1;
        self.faults.push(why.to_string());
    }

    /// One more thing, with whatever is wrong with it.
    pub(super) fn judge(&mut self, name: &str, faults: Vec<String>) {
        self.of += 1;
        if faults.is_empty() {
            self.kept += 1;
        }
        let named = faults.into_iter().map(|fault| format!("{name}: {fault}"));
        self.faults.extend(named);
    }

    /// One more thing, tried.
    pub(super) fn tried<T>(&mut self, name: &str, tried: anyhow::Result<T>) -> Option<T> {
        match tried {
            Ok(value) => {
                self.keeps();
                Some(value)
            }
            Err(error) => {
                self.fails(format!("{name}: {error:#}"));
                None
            }
        }
    }

    /// Whether it is kept: there is something it speaks of, and all of that is so.
    pub fn holds(&self) -> bool {
        self.of > 0 && self.kept == self.of && self.faults.is_empty()
    }

    /// "96 of 96", and what else there is to know.
    pub(super) fn count(&self) -> String {
        let note = self.note.as_ref();
        let note = note.map(|note| format!(" ({note})")).unwrap_or_default();
        format!("{} of {}{note}", self.kept, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_speak_of_is_no_kept_promise() {
        let mut outcome = Outcome::new("targets up");
        assert!(!outcome.holds());
        outcome.keeps();
        assert!(outcome.holds());
        outcome.judge("kafka", vec!["down".to_owned(), "late".to_owned()]);
        assert!(!outcome.holds());
        assert_eq!(outcome.count(), "1 of 2");
        assert_eq!(outcome.faults, ["kafka: down", "kafka: late"]);
    }
}
