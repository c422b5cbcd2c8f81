//! Text with values in it: `{{task}}` is a captured value, `{{words 3}}` comes
//! from the seeded generator.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::str::FromStr;

use chrono::{SecondsFormat, TimeDelta, Utc};
use rand::RngExt;
use rand::rngs::StdRng;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::values::Span;

/// What generated text is made of.
const WORDS: [&str; 48] = [
    "apple", "balcony", "bread", "bridge", "call", "candle", "carpet", "chair", "clean", "coffee",
    "copper", "dentist", "door", "engine", "fence", "flour", "garden", "glass", "hammer",
    "harbour", "invoice", "kettle", "ladder", "lamp", "letter", "market", "meadow", "milk",
    "mirror", "orange", "paint", "paper", "pencil", "plants", "plumber", "rent", "repair", "river",
    "school", "shelf", "soap", "station", "stone", "table", "ticket", "water", "window", "winter",
];

/// The values a template may name.
pub(crate) trait Scope {
    /// The value of this name, if there is one.
    fn value(&self, name: &str) -> Option<&str>;
}

/// Values, and the generator of a journey: what a template is filled from.
pub(crate) struct Fill<'a> {
    pub(crate) scope: &'a dyn Scope,
    pub(crate) random: &'a mut StdRng,
}

/// Text with values in it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    Value(String),
    Made(Maker),
    /// As [`Part::Value`], within a string of JSON.
    Escaped(String),
}

/// What is made anew each time: by the seeded generator, but for ids, secrets and times.
#[derive(Debug, Clone, PartialEq)]
enum Maker {
    Words(usize),
    Int(i64, i64),
    Hex(usize),
    Uuid,
    Secret,
    OneOf(Vec<String>),
    Now(TimeDelta),
    Unix,
}

impl Template {
    /// The text, filled.
    ///
    /// # Errors
    /// The name of a value that is not there, as when the step that captures it was
    /// left out by chance.
    pub(crate) fn fill(&self, from: &mut Fill<'_>) -> Result<String, String> {
        let mut text = String::with_capacity(64);
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Made(maker) => maker.make(from.random, &mut text),
                Part::Value(name) => text.push_str(value(from, name)?),
                Part::Escaped(name) => escape(value(from, name)?, &mut text),
            }
        }
        Ok(text)
    }

    /// The values it names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Value(name) | Part::Escaped(name) => Some(name.as_str()),
            Part::Text(_) | Part::Made(_) => None,
        })
    }
}

fn value<'a>(from: &Fill<'a>, name: &str) -> Result<&'a str, String> {
    from.scope.value(name).ok_or_else(|| name.to_owned())
}

fn escape(text: &str, into: &mut String) {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    into.push_str(
        quoted
            .get(1..quoted.len().saturating_sub(1))
            .unwrap_or_default(),
    );
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (inside, after) = after
                .split_once("}}")
                .ok_or_else(|| format!("{text:?} opens {{{{ and does not close it"))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::parse(inside)?);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl Part {
    fn parse(inside: &str) -> Result<Self, String> {
        let words: Vec<&str> = inside.split_whitespace().collect();
        let wrong = || {
            format!(
                "{{{{{inside}}}}} is neither a name nor one of words 3, int 1 6, hex 8, uuid, \
                 secret, one_of a b, now, now +2s and unix"
            )
        };
        let number = |text: &str| text.parse::<usize>().map_err(|_| wrong());
        Ok(Self::Made(match words[..] {
            ["words", count] => Maker::Words(number(count)?),
            ["hex", count] => Maker::Hex(number(count)?),
            ["int", low, high] => {
                let (low, high) = (low.parse(), high.parse());
                match (low, high) {
                    (Ok(low), Ok(high)) if low <= high => Maker::Int(low, high),
                    _ => return Err(wrong()),
                }
            }
            ["uuid"] => Maker::Uuid,
            ["secret"] => Maker::Secret,
            ["unix"] => Maker::Unix,
            ["now"] => Maker::Now(TimeDelta::zero()),
            ["now", shift] => {
                let span: Span = shift.trim_start_matches(['+', '-']).parse()?;
                let delta = TimeDelta::from_std(span.0).map_err(|_| wrong())?;
                Maker::Now(if shift.starts_with('-') {
                    -delta
                } else {
                    delta
                })
            }
            ["one_of", ref choices @ ..] if !choices.is_empty() => {
                Maker::OneOf(choices.iter().map(|&choice| choice.to_owned()).collect())
            }
            [name] if is_name(name) => return Ok(Self::Value(name.to_owned())),
            _ => return Err(wrong()),
        }))
    }
}

/// Whether a value can be called so.
pub(super) fn is_name(text: &str) -> bool {
    let name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.".contains(c);
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(name)
}

impl Maker {
    fn make(&self, random: &mut StdRng, into: &mut String) {
        let any = |random: &mut StdRng| WORDS[random.random_range(0..WORDS.len())];
        let written = match self {
            Self::Words(count) => {
                for n in 0..*count {
                    if n > 0 {
                        into.push(' ');
                    }
                    into.push_str(any(random));
                }
                Ok(())
            }
            Self::Int(low, high) => write!(into, "{}", random.random_range(*low..=*high)),
            Self::Hex(digits) => (0..*digits).try_for_each(|_| {
                let digit = random.random_range(0..16u8);
                write!(into, "{digit:x}")
            }),
            // Not from the seed: what a run before has named so would be known already,
            // and an event with its id a duplicate that has no effect.
            Self::Uuid => write!(into, "{}", Uuid::new_v4()),
            // Whoever knows the seed must not know a password.
            Self::Secret => write!(into, "{:032x}", rand::random::<u128>()),
            Self::OneOf(choices) => {
                into.push_str(&choices[random.random_range(0..choices.len())]);
                Ok(())
            }
            Self::Now(shift) => {
                let time = Utc::now() + *shift;
                into.push_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true));
                Ok(())
            }
            Self::Unix => write!(into, "{}", Utc::now().timestamp()),
        };
        debug_assert!(written.is_ok(), "a string takes everything");
    }

    /// Whether it stands for a number, where a whole value of JSON is made of it.
    fn is_number(&self) -> bool {
        matches!(self, Self::Int(..) | Self::Unix)
    }
}

impl JsonSchema for Template {
    fn schema_name() -> Cow<'static, str> {
        "Template".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Text with values in it: {{name}} of a captured value, or made: {{words 3}}, {{int 1 6}}, {{hex 8}}, {{uuid}}, {{secret}}, {{one_of a b}}, {{now}}, {{now +2s}}, {{unix}}"
        })
    }
}

/// JSON with templates in its strings. A string that is nothing but `{{int 1 6}}`
/// or `{{unix}}` becomes a number.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Json(Template);

impl Json {
    pub(crate) fn fill(&self, from: &mut Fill<'_>) -> Result<String, String> {
        self.0.fill(from)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.names()
    }
}

impl TryFrom<Value> for Json {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let mut parts = Vec::new();
        collect(&value, &mut parts)?;
        Ok(Self(Template { parts }))
    }
}

fn collect(value: &Value, parts: &mut Vec<Part>) -> Result<(), String> {
    match value {
        Value::String(text) => string(text, parts)?,
        Value::Array(items) => {
            put(parts, "[");
            for (n, item) in items.iter().enumerate() {
                put(parts, if n > 0 { "," } else { "" });
                collect(item, parts)?;
            }
            put(parts, "]");
        }
        Value::Object(fields) => {
            put(parts, "{");
            for (n, (name, value)) in fields.iter().enumerate() {
                let name = Value::String(name.clone());
                put(parts, &format!("{}{name}:", if n > 0 { "," } else { "" }));
                collect(value, parts)?;
            }
            put(parts, "}");
        }
        other => put(parts, &other.to_string()),
    }
    Ok(())
}

fn string(text: &str, parts: &mut Vec<Part>) -> Result<(), String> {
    let template: Template = text.parse()?;
    if let [Part::Made(maker)] = &template.parts[..]
        && maker.is_number()
    {
        parts.push(Part::Made(maker.clone()));
        return Ok(());
    }
    put(parts, "\"");
    for part in template.parts {
        match part {
            Part::Text(text) => {
                let mut escaped = String::new();
                escape(&text, &mut escaped);
                put(parts, &escaped);
            }
            Part::Value(name) => parts.push(Part::Escaped(name)),
            // What is made has nothing in it that JSON would escape, but choices.
            Part::Made(Maker::OneOf(choices)) => {
                let escaped = choices.iter().map(|choice| {
                    let mut text = String::new();
                    escape(choice, &mut text);
                    text
                });
                parts.push(Part::Made(Maker::OneOf(escaped.collect())));
            }
            part => parts.push(part),
        }
    }
    put(parts, "\"");
    Ok(())
}

fn put(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Text(last)) => last.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

impl JsonSchema for Json {
    fn schema_name() -> Cow<'static, str> {
        "Json".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "JSON with templates in its strings"})
    }
}

/// What a frame has: JSON pointers and their values.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Conditions(BTreeMap<String, Template>);

impl Conditions {
    /// The conditions with their values filled in.
    pub(crate) fn fill(&self, from: &mut Fill<'_>) -> Result<Filled, String> {
        let filled = self
            .0
            .iter()
            .map(|(pointer, value)| Ok((pointer.clone(), value.fill(from)?)));
        filled.collect::<Result<_, _>>().map(Filled)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.values().flat_map(Template::names)
    }
}

/// Conditions to hold a frame against.
#[derive(Debug, Clone)]
pub(crate) struct Filled(Vec<(String, String)>);

impl Filled {
    /// Whether the frame has all of the values.
    pub(crate) fn hold(&self, frame: &Value) -> bool {
        self.0
            .iter()
            .all(|(pointer, wanted)| match frame.pointer(pointer) {
                Some(Value::String(found)) => found == wanted,
                // As it would be written.
                Some(found) => serde_json::to_string(found).is_ok_and(|found| found == *wanted),
                None => false,
            })
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use serde_json::json;

    use super::*;

    struct Known;

    impl Scope for Known {
        fn value(&self, name: &str) -> Option<&str> {
            match name {
                "task" => Some("a\"b"),
                "user.token" => Some("t"),
                _ => None,
            }
        }
    }

    fn filled(template: &Template, seed: u64) -> Result<String, String> {
        let mut random = StdRng::seed_from_u64(seed);
        template.fill(&mut Fill {
            scope: &Known,
            random: &mut random,
        })
    }

    #[test]
    fn values_are_filled_in_and_data_depends_on_the_seed() {
        let of = |text: &str, seed| filled(&text.parse().unwrap(), seed);
        assert_eq!(
            of("/v1/{{ user.token }}?x={{task}}", 1).unwrap(),
            "/v1/t?x=a\"b"
        );
        assert_eq!(of("{{nothing}}", 1), Err("nothing".to_owned()));
        let data = "{{words 5}} {{int 1 1000000}} {{hex 12}} {{one_of a b c}}";
        assert_eq!(of(data, 7), of(data, 7));
        assert_ne!(of(data, 7), of(data, 8));
        assert_eq!(of("{{uuid}}", 1).unwrap().len(), 36);
        assert_ne!(of("{{uuid}}", 1), of("{{uuid}}", 1), "two runs of a seed");
        assert!(of("{{now +2s}}", 1).unwrap() > of("{{now}}", 1).unwrap());
    }

    #[test]
    fn json_stays_json_whatever_is_filled_in() {
        let json = json!({"n": "{{int 5 5}}", "s": "x {{task}} \"y\"", "l": [true, null, 1.5], "w": "{{words 2}}"});
        let text = filled(&Json::try_from(json).unwrap().0, 1).unwrap();
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["n"], 5);
        assert_eq!(read["s"], "x a\"b \"y\"");
        assert_eq!(read["l"], json!([true, null, 1.5]));
    }

    #[test]
    fn what_is_no_template_is_named() {
        for (text, why) in [
            ("{{open", "does not close"),
            ("{{int 6 1}}", "int 1 6"),
            ("{{Shout}}", "neither a name"),
            ("{{}}", "neither a name"),
        ] {
            let error = text.parse::<Template>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn conditions_compare_what_a_frame_has() {
        let conditions: Conditions = serde_json::from_value(
            json!({"/type": "task", "/task/version": "1", "/id": "{{task}}"}),
        )
        .unwrap();
        let mut random = StdRng::seed_from_u64(1);
        let filled = conditions
            .fill(&mut Fill {
                scope: &Known,
                random: &mut random,
            })
            .unwrap();
        assert!(filled.hold(&json!({"type": "task", "task": {"version": 1}, "id": "a\"b"})));
        assert!(!filled.hold(&json!({"type": "task", "task": {"version": 2}, "id": "a\"b"})));
        assert!(!filled.hold(&json!({})));
    }
}
