use serde::{Deserialize, Deserializer};
use service::problem::FieldError;

use super::domain::Invalid;
use crate::Error;

/// Reads fields and collects what is wrong with them, so that all of it is told
/// at once.
#[derive(Default)]
pub(super) struct Fields(Vec<FieldError>);

impl Fields {
    /// Keeps a value, or the reason why not.
    pub(super) fn keep<T>(
        &mut self,
        field: impl Into<String>,
        result: Result<T, Invalid>,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(Invalid { code, message }) => {
                self.0.push(FieldError::new(field, code, message));
                None
            }
        }
    }

    /// Reads a field that must be there.
    pub(super) fn required<R, T>(
        &mut self,
        field: &str,
        raw: Option<R>,
        parse: impl FnOnce(R) -> Result<T, Invalid>,
    ) -> Option<T> {
        let missing = || Invalid {
            code: "required",
            message: "is required".to_owned(),
        };
        self.keep(field, raw.ok_or_else(missing).and_then(parse))
    }

    /// Reads a field that may be absent.
    pub(super) fn optional<R, T>(
        &mut self,
        field: &str,
        raw: Option<R>,
        parse: impl FnOnce(R) -> Result<T, Invalid>,
    ) -> Option<T> {
        raw.and_then(|raw| self.keep(field, parse(raw)))
    }

    /// Reads the change of a field that cannot be without a value.
    pub(super) fn change<R, T>(
        &mut self,
        field: &str,
        raw: Option<Option<R>>,
        parse: impl FnOnce(R) -> Result<T, Invalid>,
    ) -> Option<T> {
        let null = || Invalid {
            code: "not_nullable",
            message: "must not be null".to_owned(),
        };
        raw.and_then(|raw| self.keep(field, raw.ok_or_else(null).and_then(parse)))
    }

    /// Reads the change of a field that null clears.
    pub(super) fn change_or_clear<R, T>(
        &mut self,
        field: &str,
        raw: Option<Option<R>>,
        parse: impl FnOnce(R) -> Result<T, Invalid>,
    ) -> Option<Option<T>> {
        raw.map(|raw| self.optional(field, raw, parse))
    }

    /// Adds what a nested reading found.
    pub(super) fn add(&mut self, error: FieldError) {
        self.0.push(error);
    }

    /// Everything that is wrong, if anything is.
    pub(super) fn finish(self) -> Result<(), Error> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(self.0))
        }
    }
}

/// A field that may be absent, but not null.
pub(super) fn not_null<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}
