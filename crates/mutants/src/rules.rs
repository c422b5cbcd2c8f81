//! The rules, and the mutants of each.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use promql_parser::util::parse_duration;
use serde::{Deserialize, Serialize};

use crate::change::{changes, durations, shown};

/// A file of rules.
pub struct File {
    /// Its name without the suffix.
    pub name: String,
    groups: Vec<Group>,
}

/// What such a file may say.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Groups {
    groups: Vec<Group>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Group {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<String>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    expr: String,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    hold: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// A rule that was changed, with those of its group that it needs.
pub struct Mutant {
    /// Group and name of the rule, with its number if there are several.
    pub of: String,
    /// What was changed; empty if nothing was.
    pub text: String,
    /// What tests that ask about this rule must speak of.
    pub asked: Vec<String>,
    /// The file to test.
    pub rules: Groups,
}

/// Reads the files of a folder.
pub fn load(folder: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let (Some(stem), Some("yml")) = (
            path.file_stem().and_then(|stem| stem.to_str()),
            path.extension().and_then(|suffix| suffix.to_str()),
        ) else {
            continue;
        };
        let text = fs::read_to_string(&path)?;
        let Groups { groups } = serde_saphyr::from_str(&text)
            .map_err(|error| anyhow!("{}: {error}", path.display()))?;
        files.push(File {
            name: stem.to_owned(),
            groups,
        });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

impl File {
    /// Each rule parsed and printed, and nothing else.
    pub fn printed(&self) -> Result<Vec<Mutant>> {
        self.each(|rule| {
            Ok(vec![(
                String::new(),
                rule.parsed()?.to_string(),
                rule.hold.clone(),
            )])
        })
    }

    /// Each rule with one change.
    pub fn mutants(&self) -> Result<Vec<Mutant>> {
        self.each(|rule| {
            let mut out: Vec<_> = changes(&rule.parsed()?)
                .into_iter()
                .map(|change| (change.text, change.expr.to_string(), rule.hold.clone()))
                .collect();
            if let Some(hold) = &rule.hold {
                let duration = parse_duration(hold).map_err(|error| anyhow!("{hold}: {error}"))?;
                for other in durations(duration).map(shown) {
                    let text = format!("for: {hold} → {other}");
                    out.push((text, rule.expr.clone(), Some(other)));
                }
            }
            // What is changed alike in several places is told apart by its number.
            let mut seen: BTreeMap<String, usize> = BTreeMap::new();
            for (text, ..) in &mut out {
                let nth = seen.entry(text.clone()).or_default();
                *nth += 1;
                if *nth > 1 {
                    *text = format!("{text} ({nth})");
                }
            }
            Ok(out)
        })
    }

    fn each(
        &self,
        variants: impl Fn(&Rule) -> Result<Vec<(String, String, Option<String>)>>,
    ) -> Result<Vec<Mutant>> {
        let mut out = Vec::new();
        for group in &self.groups {
            for (index, rule) in group.rules.iter().enumerate() {
                let of = group.id(index);
                for (text, expr, hold) in variants(rule).with_context(|| of.clone())? {
                    out.push(Mutant {
                        of: of.clone(),
                        text,
                        asked: rule.asked(),
                        rules: Groups {
                            groups: vec![group.around(index, expr, hold)],
                        },
                    });
                }
            }
        }
        Ok(out)
    }
}

impl Group {
    fn id(&self, index: usize) -> String {
        let name = self.rules[index].name();
        let before = self.rules[..index].iter().filter(|it| it.name() == name);
        match before.count() {
            0 => format!("{}/{name}", self.name),
            before => format!("{}/{name}#{}", self.name, before + 1),
        }
    }

    /// This group with one rule changed, without the alerts that have nothing to do with it.
    fn around(&self, index: usize, expr: String, hold: Option<String>) -> Self {
        let mut group = self.clone();
        let rule = &mut group.rules[index];
        (rule.expr, rule.hold) = (expr, hold);
        let changed = rule.clone();
        group.rules.retain(|rule| {
            changed.record.is_some() || rule.record.is_some() || rule.alert == changed.alert
        });
        group
    }
}

impl Rule {
    fn name(&self) -> &str {
        let name = self.alert.as_deref().or(self.record.as_deref());
        name.unwrap_or_default()
    }

    fn parsed(&self) -> Result<promql_parser::parser::Expr> {
        promql_parser::parser::parse(&self.expr).map_err(|error| anyhow!(error))
    }

    /// Its name and, as several objectives share the names of their rules, the objective's.
    fn asked(&self) -> Vec<String> {
        let objective = self.labels.get("slo").map(|slo| format!("\"{slo}\""));
        [self.name().to_owned()]
            .into_iter()
            .chain(objective)
            .collect()
    }
}
