use std::{collections::HashMap, fmt::Display, fmt::Write, fs};

use super::Setting;

/// Reads variables, and remembers what was asked for and what was wrong.
///
/// Each variable `NAME` may be given as a file instead, by `NAME_FILE`, which
/// is how containers pass secrets. An empty variable counts as unset.
pub struct Env {
    values: HashMap<String, String>,
    variables: Vec<Variable>,
    problems: Vec<String>,
    demo_mode: bool,
}

struct Variable {
    name: &'static str,
    default: Need,
    help: &'static str,
}

enum Need {
    Required,
    Optional,
    Default(String),
}

impl Env {
    /// The environment of this process.
    pub fn from_process() -> Self {
        // `vars` would panic on a value that is not UTF-8.
        let values = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::from_values(values)
    }

    /// An environment made up for a test.
    pub fn from_pairs(pairs: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self::from_values(pairs.iter().map(owned).collect())
    }

    fn from_values(values: HashMap<String, String>) -> Self {
        let mut env = Self {
            values,
            variables: Vec::new(),
            problems: Vec::new(),
            demo_mode: false,
        };
        env.demo_mode = env.or(
            "DEMO_MODE",
            false,
            "Allows published default secrets and demo accounts",
        );
        env
    }

    /// Whether `DEMO_MODE` is on.
    pub fn demo_mode(&self) -> bool {
        self.demo_mode
    }

    /// A variable that must be set.
    pub fn required<T: Setting>(&mut self, name: &'static str, help: &'static str) -> T {
        self.remember(name, Need::Required, help);
        match self.read(name) {
            Read::Value(value) => value,
            Read::Absent => {
                self.problem(name, "is required");
                T::unset()
            }
            Read::Refused => T::unset(),
        }
    }

    /// A variable with a default.
    pub fn or<T: Setting>(
        &mut self,
        name: &'static str,
        default: impl Display,
        help: &'static str,
    ) -> T {
        let default = default.to_string();
        self.remember(name, Need::Default(default.clone()), help);
        match self.read(name) {
            Read::Value(value) => value,
            Read::Refused => T::unset(),
            Read::Absent => T::parse(&default).unwrap_or_else(|expected| {
                self.problem(name, &format!("has a bad default: {expected}"));
                T::unset()
            }),
        }
    }

    /// A variable that may stay unset.
    pub fn optional<T: Setting>(&mut self, name: &'static str, help: &'static str) -> Option<T> {
        self.remember(name, Need::Optional, help);
        match self.read(name) {
            Read::Value(value) => Some(value),
            Read::Absent | Read::Refused => None,
        }
    }

    /// Adds a variable to the documentation that something else reads, such as
    /// the tracing exporter.
    pub fn document(&mut self, name: &'static str, default: Option<&str>, help: &'static str) {
        let need = default.map_or(Need::Optional, |text| Need::Default(text.to_owned()));
        self.remember(name, need, help);
    }

    /// Reports that the value of a variable will not do. `why` must not repeat
    /// the value: it may be a secret.
    pub fn problem(&mut self, name: &str, why: &str) {
        self.problems.push(format!("{name} {why}"));
    }

    /// Every problem found, or nothing.
    pub fn finish(&self) -> Result<(), &[String]> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(&self.problems)
        }
    }

    /// The variables as plain text, for `--help`.
    pub fn help(&self) -> String {
        let width = self
            .variables
            .iter()
            .map(|v| v.name.len())
            .max()
            .unwrap_or(0);
        let mut text = String::new();
        for Variable {
            name,
            default,
            help,
        } in &self.variables
        {
            let note = match default {
                Need::Required => "(required)".to_owned(),
                Need::Optional => String::new(),
                Need::Default(value) if value.is_empty() => String::new(),
                Need::Default(value) => format!("[default: {value}]"),
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:width$}  {help} {note}");
        }
        text
    }

    /// The variables as a Markdown table, for the documentation.
    pub fn table(&self) -> String {
        let mut text = String::from("| variable | default | meaning |\n|---|---|---|\n");
        for Variable {
            name,
            default,
            help,
        } in &self.variables
        {
            let default = match default {
                Need::Required => "required".to_owned(),
                Need::Optional => "unset".to_owned(),
                Need::Default(value) if value.is_empty() => "empty".to_owned(),
                Need::Default(value) => format!("`{value}`"),
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "| `{name}` | {default} | {help} |");
        }
        text
    }

    fn remember(&mut self, name: &'static str, default: Need, help: &'static str) {
        self.variables.push(Variable {
            name,
            default,
            help,
        });
    }

    fn read<T: Setting>(&mut self, name: &str) -> Read<T> {
        let text = match self.raw(name) {
            Ok(Some(text)) => text,
            Ok(None) => return Read::Absent,
            Err(why) => {
                self.problem(name, &why);
                return Read::Refused;
            }
        };
        match T::parse(&text) {
            Ok(value) if !self.demo_mode && value.is_published() => {
                self.problem(
                    name,
                    "is a published default, which only DEMO_MODE=true allows",
                );
                Read::Refused
            }
            Ok(value) => Read::Value(value),
            Err(expected) => {
                self.problem(name, &format!("is malformed: {expected}"));
                Read::Refused
            }
        }
    }

    fn raw(&self, name: &str) -> Result<Option<String>, String> {
        let set = |name: &str| self.values.get(name).filter(|value| !value.is_empty());
        match (set(name), set(&format!("{name}_FILE"))) {
            (Some(_), Some(_)) => Err(format!("and {name}_FILE are both set")),
            (Some(value), None) => Ok(Some(value.clone())),
            (None, Some(path)) => fs::read_to_string(path)
                .map(|text| Some(text.trim_end_matches(['\r', '\n']).to_owned()))
                .map_err(|error| format!("cannot be read from {path}: {error}")),
            (None, None) => Ok(None),
        }
    }
}

enum Read<T> {
    Value(T),
    Absent,
    Refused,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Secret;
    use super::*;

    #[test]
    fn reads_values_defaults_and_options() {
        let mut env = Env::from_pairs(&[("A", "7"), ("EMPTY", "")]);
        assert_eq!(env.required::<u16>("A", ""), 7);
        assert_eq!(
            env.or::<Duration>("B", 1.5, ""),
            Duration::from_millis(1500)
        );
        assert_eq!(env.optional::<String>("EMPTY", ""), None);
        assert!(env.finish().is_ok());
    }

    #[test]
    fn reports_all_problems_at_once_without_values() {
        let mut env = Env::from_pairs(&[
            ("NUMBER", "many"),
            ("KEY", "changeme"),
            ("BOTH", "x"),
            ("BOTH_FILE", "y"),
            ("GONE_FILE", "/nonexistent"),
        ]);
        env.required::<u16>("NUMBER", "");
        env.required::<Secret>("KEY", "");
        env.required::<String>("BOTH", "");
        env.required::<String>("GONE", "");
        env.required::<String>("MISSING", "");
        let problems = env.finish().unwrap_err();
        assert_eq!(problems.len(), 5, "{problems:?}");
        assert!(
            problems
                .iter()
                .all(|text| !text.contains("changeme") && !text.contains("many"))
        );
    }

    #[test]
    fn demo_mode_allows_published_secrets() {
        let mut env = Env::from_pairs(&[("DEMO_MODE", "true"), ("KEY", "changeme")]);
        assert_eq!(env.required::<Secret>("KEY", "").expose(), "changeme");
        assert!(env.finish().is_ok());
    }

    #[test]
    fn reads_files_without_their_last_newline() {
        let path = std::env::temp_dir().join(format!("glasshouse-env-{}", std::process::id()));
        fs::write(&path, "from a file\n").unwrap();
        let mut env = Env::from_pairs(&[("TEXT_FILE", path.to_str().unwrap())]);
        assert_eq!(env.required::<String>("TEXT", ""), "from a file");
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn documents_what_it_read() {
        let mut env = Env::from_pairs(&[]);
        env.or::<u16>("PORT", 80, "Where to listen");
        assert!(env.table().contains("| `PORT` | `80` | Where to listen |"));
        assert!(env.help().contains("PORT"));
    }
}
