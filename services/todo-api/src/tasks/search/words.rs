use super::super::domain::Invalid;

/// What is searched for: every word, or the beginning of one, must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words(String);

impl Words {
    const MAX: usize = 200;

    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        if text.chars().count() > Self::MAX {
            return Err(Invalid {
                code: "too_long",
                message: "must have at most 200 characters".to_owned(),
            });
        }
        let terms: Vec<String> = text
            // As the document is split; what is left needs no quoting.
            .split(|c: char| c.is_ascii_punctuation() || c.is_whitespace() || c.is_control())
            .filter(|word| !word.is_empty())
            .map(|word| format!("'{word}':*"))
            .collect();
        Ok(Self(terms.join(" & ")))
    }

    /// For `to_tsquery`. Without any word it finds nothing.
    pub(super) fn as_tsquery(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_may_be_a_beginning_and_none_an_operator() {
        let query = |text| Words::parse(text).unwrap().0;
        assert_eq!(query(" Buy  milk "), "'Buy':* & 'milk':*");
        assert_eq!(query("e-mail"), "'e':* & 'mail':*");
        assert_eq!(
            query("a' | !(b):* \\ & <-> c\0d"),
            "'a':* & 'b':* & 'c':* & 'd':*"
        );
        assert_eq!(query("ünï"), "'ünï':*");
        assert_eq!(query("!?"), "");
        assert!(Words::parse(&"ü".repeat(200)).is_ok());
        assert_eq!(Words::parse(&"ü".repeat(201)).unwrap_err().code, "too_long");
    }
}
