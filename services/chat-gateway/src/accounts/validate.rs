//! E-mail addresses, names and passwords, parsed at the edge.

use service::problem::FieldError;

/// PostgreSQL cannot store NUL, and other control characters have no place in
/// a single line.
fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// An e-mail address in the form it is stored: trimmed, lower case.
///
/// # Errors
/// When it is not plausibly an address; only a message to it could tell more.
pub fn email(text: &str) -> Result<String, FieldError> {
    let email = text.trim().to_lowercase();
    let plausible = email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.contains('@')
            && domain.split('.').count() >= 2
            && domain.split('.').all(|label| !label.is_empty())
    });
    if email.len() > 254 {
        Err(FieldError::new(
            "email",
            "too_long",
            "must have at most 254 characters",
        ))
    } else if !plausible || has_control(&email) || email.contains(char::is_whitespace) {
        Err(FieldError::new(
            "email",
            "malformed",
            "must be an e-mail address",
        ))
    } else {
        Ok(email)
    }
}

/// A display name, trimmed.
///
/// # Errors
/// When it is empty, too long or holds control characters.
pub fn name(text: &str) -> Result<String, FieldError> {
    let name = text.trim();
    if name.is_empty() {
        Err(FieldError::new("name", "required", "must not be empty"))
    } else if text.chars().count() > 80 {
        Err(FieldError::new(
            "name",
            "too_long",
            "must have at most 80 characters",
        ))
    } else if has_control(text) {
        Err(FieldError::new(
            "name",
            "malformed",
            "must not contain control characters",
        ))
    } else {
        Ok(name.to_owned())
    }
}

/// A new password. Long enough is what matters; composition rules do not help.
///
/// # Errors
/// When it is too short, too long, or contains NUL.
pub fn password(text: &str) -> Result<(), FieldError> {
    if text.chars().count() < 10 {
        Err(FieldError::new(
            "password",
            "too_short",
            "must have at least 10 characters",
        ))
    } else if text.chars().count() > MAX_PASSWORD {
        Err(FieldError::new(
            "password",
            "too_long",
            "must have at most 256 characters",
        ))
    } else if text.contains('\0') {
        Err(FieldError::new(
            "password",
            "malformed",
            "must not contain NUL",
        ))
    } else {
        Ok(())
    }
}

/// Longer ones are not even hashed.
pub const MAX_PASSWORD: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(email(" Ada@Example.ORG ").as_deref(), Ok("ada@example.org"));
        for bad in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@org",
            "a@b@c.d",
            "a b@c.de",
            "a\0@c.de",
            "a@c..de",
        ] {
            assert_eq!(email(bad).expect_err(bad).code, "malformed");
        }
        assert_eq!(
            email(&format!("{}@example.org", "a".repeat(300)))
                .expect_err("long")
                .code,
            "too_long"
        );
    }

    #[test]
    fn names_and_passwords() {
        assert_eq!(name(" Ada 🥛 ").as_deref(), Ok("Ada 🥛"));
        assert!(name(" ").is_err() && name("a\0b").is_err() && name(&"x".repeat(81)).is_err());
        assert!(password("long enough").is_ok());
        assert!(password("short").is_err() && password("nul\0nul\0nul").is_err());
        assert!(password(&"x".repeat(257)).is_err());
    }
}
