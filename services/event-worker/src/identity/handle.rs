//! Handles in normal form: two spellings of one are the same text.

use std::fmt;

use events::contracts::HandleKind;
use idna::AsciiDenyList;

/// An address has no more characters (RFC 5321).
const LONGEST_EMAIL: usize = 254;
/// A number has no more digits (E.164), and none that is in use has fewer.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
const LONGEST_WEB: usize = 128;

/// A handle in normal form.
///
/// - `web`: the account or visitor as the page names it, to the letter.
/// - `email`: in lower case, the domain as DNS has it (`münchen.example` is
///   `xn--mnchen-3ya.example`). What follows a plus stays: not every provider
///   delivers `ada+shop@…` to `ada@…`, and two customers can be merged later, while
///   one that was two people cannot be told apart again.
/// - `phone`: as E.164, `+` and digits. A number without its country is refused,
///   because guessing the country would be guessing the person; WhatsApp leaves
///   out the plus, but never the country.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Handle {
    kind: HandleKind,
    value: String,
}

/// Why a text is no handle. Quotes nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidHandle {
    #[error("the account is empty, too long or has spaces in it")]
    Web,
    #[error("the address is no e-mail address")]
    Email,
    #[error("the number is no telephone number with its country")]
    Phone,
}

impl Handle {
    /// Reads a handle that a message names.
    pub fn parse(kind: HandleKind, text: &str) -> Result<Self, InvalidHandle> {
        let value = match kind {
            HandleKind::Web => web(text).ok_or(InvalidHandle::Web),
            HandleKind::Email => email(text).ok_or(InvalidHandle::Email),
            HandleKind::Phone => phone(text).ok_or(InvalidHandle::Phone),
        }?;
        Ok(Self { kind, value })
    }

    /// As WhatsApp names its senders: digits that begin with the country, the plus
    /// left out.
    pub fn parse_whatsapp(text: &str) -> Result<Self, InvalidHandle> {
        let text = text.trim();
        if text.starts_with(|first: char| matches!(first, '1'..='9')) {
            return Self::parse(HandleKind::Phone, &format!("+{text}"));
        }
        Self::parse(HandleKind::Phone, text)
    }

    /// What kind it is.
    pub fn kind(&self) -> HandleKind {
        self.kind
    }

    /// The normal form.
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// Says nothing of the person.
impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

fn web(text: &str) -> Option<String> {
    let odd = |c: char| c.is_control() || c.is_whitespace();
    ((1..=LONGEST_WEB).contains(&text.len()) && !text.contains(odd)).then(|| text.to_owned())
}

fn email(text: &str) -> Option<String> {
    let (local, domain) = text.trim().rsplit_once('@')?;
    let odd = |c: char| c.is_control() || c.is_whitespace() || "<>()[],;:\\\"@".contains(c);
    if local.is_empty() || local.contains(odd) {
        return None;
    }
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let domain = idna::domain_to_ascii_cow(domain.as_bytes(), AsciiDenyList::STD3).ok()?;
    if domain.is_empty() || domain.split('.').any(str::is_empty) {
        return None;
    }
    let email = format!("{}@{domain}", local.to_lowercase());
    (email.len() <= LONGEST_EMAIL).then_some(email)
}

fn phone(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = text.strip_prefix('+').or_else(|| text.strip_prefix("00"))?;
    // The zero that is dialled only within the country.
    let rest = rest.replacen("(0)", "", 1);
    let mut number = String::from("+");
    for c in rest.chars() {
        match c {
            '0'..='9' => number.push(c),
            ' ' | '\u{a0}' | '-' | '.' | '/' | '(' | ')' => {}
            _ => return None,
        }
    }
    let digits = number.strip_prefix('+')?;
    (PHONE_DIGITS.contains(&digits.len()) && !digits.starts_with('0')).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(kind: HandleKind, text: &str) -> Option<String> {
        Handle::parse(kind, text).ok().map(|handle| handle.value)
    }

    #[test]
    fn spellings_of_an_address_are_one() {
        for (text, expected) in [
            ("ada@example.org", "ada@example.org"),
            (" Ada@Example.ORG ", "ada@example.org"),
            ("ADA@example.org.", "ada@example.org"),
            ("ada+shop@example.org", "ada+shop@example.org"),
            ("ada@MÜNCHEN.example", "ada@xn--mnchen-3ya.example"),
            ("ada@xn--mnchen-3ya.example", "ada@xn--mnchen-3ya.example"),
        ] {
            assert_eq!(normal(HandleKind::Email, text).as_deref(), Some(expected));
        }
        let long = format!("{}@example.org", "a".repeat(250));
        for bad in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@.",
            "ada@a..b",
            "a b@example.org",
            "ada@exa mple.org",
            "Ada <ada@example.org>",
            "ada@b@example.org",
            "ada\u{0}@example.org",
            &long,
        ] {
            assert_eq!(normal(HandleKind::Email, bad), None, "{bad:?}");
        }
    }

    #[test]
    fn spellings_of_a_number_are_one() {
        for text in [
            "+4917012345678",
            "+49 170 1234-5678",
            "0049 170/12345678",
            "+49 (0)170 12345678",
        ] {
            let number = normal(HandleKind::Phone, text);
            assert_eq!(number.as_deref(), Some("+4917012345678"), "{text:?}");
        }
        for bad in [
            "",
            "+",
            "0170 12345678",
            "4917012345678",
            "+49170",
            "+0049170123456",
            "+1234567890123456",
            "+49 170 CALL ME",
            "+४९१७०१२३४५६७८",
        ] {
            assert_eq!(normal(HandleKind::Phone, bad), None, "{bad:?}");
        }
        let sender = |text| Handle::parse_whatsapp(text).map(|handle| handle.value);
        assert_eq!(sender("4917012345678").as_deref(), Ok("+4917012345678"));
        assert_eq!(sender("+4917012345678").as_deref(), Ok("+4917012345678"));
        assert_eq!(sender("017012345678"), Err(InvalidHandle::Phone));
    }

    #[test]
    fn accounts_are_taken_to_the_letter() {
        assert_eq!(
            normal(HandleKind::Web, "Visitor-7").as_deref(),
            Some("Visitor-7")
        );
        for bad in ["", "a b", "a\n", &"x".repeat(129)] {
            assert_eq!(normal(HandleKind::Web, bad), None, "{bad:?}");
        }
    }

    #[test]
    fn debug_output_says_nothing_of_the_person() {
        let handle = Handle::parse(HandleKind::Email, "ada@example.org").expect("a handle");
        assert!(!format!("{handle:?}").contains("ada"));
    }
}
