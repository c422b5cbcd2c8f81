//! The tests that ask about a rule.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

/// The test files of a file of rules: of its name, or of its name and a dash.
pub struct Suite {
    files: Vec<TestFile>,
}

struct TestFile {
    /// All but the tests, with the other files of rules by their full paths.
    head: serde_json::Map<String, Value>,
    tests: Vec<(Value, String)>,
}

impl Suite {
    /// Reads them.
    pub fn load(alerts: &Path, rules: &str) -> Result<Self> {
        let folder = alerts.join("tests");
        let mut files = Vec::new();
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let belongs = name.strip_suffix(".yml").is_some_and(|stem| {
                stem == rules
                    || stem
                        .strip_prefix(rules)
                        .is_some_and(|it| it.starts_with('-'))
            });
            if belongs {
                let file = TestFile::load(&path, rules);
                files.push(file.with_context(|| path.display().to_string())?);
            }
        }
        ensure!(!files.is_empty(), "{rules}: no test of these rules");
        Ok(Self { files })
    }

    /// Files of the tests that speak of all of this, for rules that are in the file "rules.json"
    /// beside them.
    pub fn asking(&self, about: &[String]) -> Vec<Value> {
        let ask = |text: &str| about.iter().all(|word| text.contains(word));
        self.files
            .iter()
            .filter_map(|file| {
                let tests = file.tests.iter().filter(|(_, text)| ask(text));
                let tests: Vec<_> = tests.map(|(test, _)| test.clone()).collect();
                (!tests.is_empty()).then(|| {
                    let mut head = file.head.clone();
                    head.insert("tests".to_owned(), Value::Array(tests));
                    Value::Object(head)
                })
            })
            .collect()
    }
}

impl TestFile {
    fn load(path: &Path, rules: &str) -> Result<Self> {
        let text = fs::read_to_string(path)?;
        let mut head: serde_json::Map<String, Value> =
            serde_saphyr::from_str(&text).map_err(|error| anyhow!("{error}"))?;
        let tests = match head.remove("tests") {
            Some(Value::Array(tests)) => tests,
            _ => Vec::new(),
        };
        let mut own = 0;
        let beside = path.parent().context("a folder")?;
        for file in head
            .get_mut("rule_files")
            .and_then(Value::as_array_mut)
            .context("no rule_files")?
        {
            let written = file.as_str().context("rule_files")?;
            *file = if Path::new(written).file_stem() == Some(rules.as_ref()) {
                own += 1;
                "rules.json".into()
            } else {
                beside.join(written).to_string_lossy().into()
            };
        }
        ensure!(own == 1, "rule_files without {rules}.yml");
        let with_text = |test: Value| {
            // As PromQL writes it, not as JSON does.
            let text = test.to_string().replace("\\\"", "\"");
            (test, text)
        };
        Ok(Self {
            head,
            tests: tests.into_iter().map(with_text).collect(),
        })
    }
}
