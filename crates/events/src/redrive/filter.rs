//! Which of the dead letters, or of the rows set aside.

use std::str::FromStr;

/// What is asked of each; all of it must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Why it lies there.
    pub cause: Option<String>,
    /// The CloudEvents type.
    pub event_type: Option<String>,
    /// The key.
    pub key: Option<String>,
    /// The CloudEvents id.
    pub id: Option<String>,
}

/// One condition, `field=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    field: Field,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Cause,
    Type,
    Key,
    Id,
}

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no condition: cause=…, type=…, key=… or id=…")]
pub struct NoCondition(String);

impl FromStr for Condition {
    type Err = NoCondition;

    fn from_str(text: &str) -> Result<Self, NoCondition> {
        let no = || NoCondition(text.to_owned());
        let (field, value) = text.split_once('=').ok_or_else(no)?;
        let field = match field.trim() {
            "cause" => Field::Cause,
            "type" => Field::Type,
            "key" => Field::Key,
            "id" => Field::Id,
            _ => return Err(no()),
        };
        Ok(Self {
            field,
            value: value.trim().to_owned(),
        })
    }
}

impl FromIterator<Condition> for Filter {
    fn from_iter<I: IntoIterator<Item = Condition>>(conditions: I) -> Self {
        let mut filter = Self::default();
        for Condition { field, value } in conditions {
            let place = match field {
                Field::Cause => &mut filter.cause,
                Field::Type => &mut filter.event_type,
                Field::Key => &mut filter.key,
                Field::Id => &mut filter.id,
            };
            *place = Some(value);
        }
        filter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_others_refused() {
        let read = |texts: &[&str]| -> Result<Filter, NoCondition> {
            texts.iter().map(|text| text.parse::<Condition>()).collect()
        };
        let filter = read(&["cause=unknown_type", "key = a=b"]).expect("conditions");
        assert_eq!(filter.cause.as_deref(), Some("unknown_type"));
        assert_eq!(filter.key.as_deref(), Some("a=b"));
        assert_eq!(filter.id, None);
        for text in ["cause", "colour=red", "", "=x"] {
            assert!(read(&[text]).is_err(), "{text}");
        }
    }
}
