//! The rules of alerts/rules, as they are written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::check::promql;

/// Where the rules are, below the project's root.
const FOLDER: &str = "alerts/rules";
/// Where those are that Loki evaluates: the folder of its only tenant.
const LOGS: &str = "alerts/loki/fake";

/// All of them.
#[derive(Clone, Debug, Default)]
pub(in crate::check) struct Rules {
    pub alerts: Vec<Alert>,
    /// Expressions by the name that they are recorded under.
    records: BTreeMap<String, Vec<String>>,
}

/// An alert.
#[derive(Clone, Debug)]
pub(in crate::check) struct Alert {
    pub name: String,
    pub expr: String,
    /// Whether Loki evaluates it, and not Prometheus.
    pub of_logs: bool,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    alert: Option<String>,
    record: Option<String>,
    expr: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// Reads all of them.
pub(in crate::check) fn load(project: &Path) -> Result<Rules> {
    let mut rules = Rules::default();
    for (folder, of_logs) in [(FOLDER, false), (LOGS, true)] {
        let folder = project.join(folder);
        let mut files: Vec<_> = fs::read_dir(&folder)
            .with_context(|| folder.display().to_string())?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                path.extension()
                    .is_some_and(|ending| ending == "yml" || ending == "yaml")
            })
            .collect();
        files.sort();
        for file in files {
            let text = fs::read_to_string(&file)?;
            let read = rules.read(&text, of_logs);
            read.with_context(|| file.display().to_string())?;
        }
    }
    Ok(rules)
}

impl Rules {
    fn read(&mut self, text: &str, of_logs: bool) -> Result<()> {
        let file: File = serde_saphyr::from_str(text)?;
        for rule in file.groups.into_iter().flat_map(|group| group.rules) {
            if let Some(name) = rule.record {
                self.records.entry(name).or_default().push(rule.expr);
            } else if let Some(name) = rule.alert {
                // One alert may have several rules, as for two burn rates.
                self.alerts.push(Alert {
                    name,
                    expr: rule.expr,
                    of_logs,
                    labels: rule.labels,
                    annotations: rule.annotations,
                });
            }
        }
        Ok(())
    }

    /// What is recorded.
    pub(in crate::check) fn recorded(&self) -> BTreeSet<String> {
        self.records.keys().cloned().collect()
    }

    /// The metrics that an expression comes from, through what is recorded; of a
    /// histogram its own name.
    pub(in crate::check) fn metrics(&self, expr: &str) -> Result<BTreeSet<String>, String> {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut left = vec![expr.to_owned()];
        while let Some(expr) = left.pop() {
            for name in promql::names(&promql::parse(&expr)?) {
                match self.records.get(&name) {
                    Some(exprs) if seen.insert(name.clone()) => left.extend(exprs.iter().cloned()),
                    Some(_) => {}
                    None if name.contains(':') => {
                        return Err(format!("no rule records {name}"));
                    }
                    None => {
                        found.insert(name);
                    }
                }
            }
        }
        Ok(found)
    }

    #[cfg(test)]
    pub(in crate::check) fn of(text: &str) -> Self {
        let mut rules = Self::default();
        rules.read(text, false).expect("rules");
        rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_found_through_what_is_recorded() {
        let rules = Rules::of(
            "groups:\n- name: a\n  rules:\n  - record: job:asked:rate1m\n    expr: sum by (job) (rate(asked_total[1m]))\n  - alert: Asked\n    expr: job:asked:rate1m > 1\n    for: 2m\n    labels: {severity: warning}\n",
        );
        let names = rules.metrics(&rules.alerts[0].expr).unwrap();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["asked_total"]);
        assert_eq!(rules.alerts[0].labels["severity"], "warning");
        assert!(
            rules
                .metrics("job:nothing:rate1m")
                .unwrap_err()
                .contains("no rule records")
        );
    }
}
