//! Rooms, their members, and what was said in them.
//!
//! Every query carries its own authorization: a public room is open to all,
//! a private one exists for its members only.

mod routes;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use serde::Serialize;
use service::problem::FieldError;
use utoipa::ToSchema;
use uuid::Uuid;

pub use routes::router;

/// Longest message, in characters.
pub const MAX_TEXT: usize = 4000;

/// A room, as one user sees it.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct Room {
    /// Its id.
    pub id: Uuid,
    /// Its unique name.
    pub name: String,
    /// Whether only members may see it.
    pub private: bool,
    /// How many belong to it.
    pub members: i64,
}

/// A stored message with its sender.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct Message {
    /// Its id.
    pub id: Uuid,
    /// The sender's own id for it.
    #[schema(required = true)]
    pub client_id: Option<String>,
    /// The sender's account.
    pub user_id: Uuid,
    /// The sender's display name.
    pub user_name: String,
    /// What was said.
    pub text: String,
    /// The trace it was sent in.
    #[schema(required = true)]
    pub traceparent: Option<String>,
    /// When it was stored.
    pub sent_at: DateTime<Utc>,
}

/// How a caller names a room: by its name or its id.
#[derive(Clone, Debug)]
pub enum RoomRef {
    /// By id.
    Id(Uuid),
    /// By name.
    Name(String),
}

impl RoomRef {
    /// Reads an id or a name.
    ///
    /// # Errors
    /// When it can be neither.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        match Uuid::try_parse(text) {
            Ok(id) => Ok(Self::Id(id)),
            Err(_) => name(text, "room").map(Self::Name),
        }
    }

    /// Both columns of a query that takes either.
    #[must_use]
    pub fn columns(&self) -> (Option<Uuid>, Option<&str>) {
        match self {
            Self::Id(id) => (Some(*id), None),
            Self::Name(name) => (None, Some(name)),
        }
    }
}

/// A room's name: lower-case letters, digits, `-` and `_`.
///
/// # Errors
/// When it is not.
pub fn name(text: &str, field: &'static str) -> Result<String, FieldError> {
    let name = text.trim().to_lowercase();
    let form = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
    };
    if name.is_empty() {
        Err(FieldError::new(field, "required", "must not be empty"))
    } else if name.len() > 64 {
        Err(FieldError::new(
            field,
            "too_long",
            "must have at most 64 characters",
        ))
    } else if !name.bytes().all(form) || name.starts_with(['-', '_']) {
        Err(FieldError::new(
            field,
            "malformed",
            "must consist of letters a-z, digits, - and _",
        ))
    } else {
        Ok(name)
    }
}

/// What is said: not empty, not too long, and nothing PostgreSQL cannot store.
///
/// # Errors
/// When it is not so.
pub fn text(text: &str) -> Result<&str, FieldError> {
    let text = text.trim();
    if text.is_empty() {
        Err(FieldError::new("text", "required", "must not be empty"))
    } else if text.chars().count() > MAX_TEXT {
        Err(FieldError::new(
            "text",
            "too_long",
            format!("must have at most {MAX_TEXT} characters"),
        ))
    } else if text.contains('\0') {
        Err(FieldError::new("text", "malformed", "must not contain NUL"))
    } else {
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(name(" General ", "room").as_deref(), Ok("general"));
        for bad in ["", "a b", "-a", "ä", "a\0", "room:1", &"x".repeat(65)] {
            assert!(name(bad, "room").is_err(), "{bad:?}");
        }
        assert!(matches!(
            RoomRef::parse("67e55044-10b1-426f-9247-bb680e5fe0c8"),
            Ok(RoomRef::Id(_))
        ));
    }

    #[test]
    fn texts() {
        assert_eq!(text(" hi\nthere ").as_deref(), Ok("hi\nthere"));
        assert!(text(&"🥛".repeat(4000)).is_ok());
        assert!(text("").is_err() && text("a\0b").is_err() && text(&"x".repeat(4001)).is_err());
    }
}
