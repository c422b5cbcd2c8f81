//! Every alert has what belongs to it.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use crate::files::{root, texts, yaml};

const RUNBOOKS: &str = "https://github.com/glasshouse-dev/glasshouse/blob/main/";

/// A rule.
#[derive(Clone, Deserialize)]
pub struct Rule {
    /// The file it is in.
    #[serde(skip)]
    pub file: String,
    pub alert: Option<String>,
    pub record: Option<String>,
    pub expr: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// Every rule of Prometheus.
pub fn rules() -> Vec<Rule> {
    rules_in("alerts/rules")
}

/// Every rule of Loki.
fn rules_of_loki() -> Vec<Rule> {
    rules_in("alerts/loki/fake")
}

fn rules_in(folder: &str) -> Vec<Rule> {
    #[derive(Deserialize)]
    struct Group {
        rules: Vec<Rule>,
    }
    #[derive(Deserialize)]
    struct File {
        groups: Vec<Group>,
    }
    let mut all = Vec::new();
    for (file, text) in texts(folder, "yml") {
        let File { groups } = yaml(&file, &text);
        let file = format!("{folder}/{file}.yml");
        for rule in groups.into_iter().flat_map(|group| group.rules) {
            let file = file.clone();
            all.push(Rule { file, ..rule });
        }
    }
    assert!(!all.is_empty(), "no rule in {folder}");
    all
}

/// The alerts of both, by name.
pub fn alerts() -> Vec<(String, Rule)> {
    let all = rules().into_iter().chain(rules_of_loki());
    all.filter_map(|rule| Some((rule.alert.clone()?, rule)))
        .collect()
}

impl Rule {
    /// Where it is.
    pub fn place(&self) -> String {
        let name = self.alert.as_ref().or(self.record.as_ref());
        format!("{}: {}", self.file, name.expect("a name"))
    }
}

#[test]
fn every_alert_says_what_it_has_to() {
    for (_, rule) in alerts() {
        let place = rule.place();
        let severity = rule.labels.get("severity").map_or("", String::as_str);
        assert!(
            ["critical", "warning", "info", "none"].contains(&severity),
            "{place}: {severity:?}"
        );
        assert!(rule.labels.contains_key("service"), "{place}: whose is it?");
        for name in ["summary", "description", "runbook_url", "dashboard_url"] {
            let text = rule.annotations.get(name).map_or("", String::as_str);
            assert!(!text.is_empty(), "{place}: no {name}");
        }
    }
}

/// Fires at some time, with all that it says, and is silent at another. (Loki's: crates/glasshouse/tests/watching.)
#[test]
fn every_alert_has_a_test() {
    let mut firing = BTreeSet::new();
    let mut silent = BTreeSet::new();
    for (file, text) in texts("alerts/tests", "yml") {
        let suite: Value = yaml(&file, &text);
        for test in suite["tests"].as_array().into_iter().flatten() {
            for asked in test["alert_rule_test"].as_array().into_iter().flatten() {
                let name = asked["alertname"].as_str().expect("a name").to_owned();
                let fires = asked["exp_alerts"]
                    .as_array()
                    .is_some_and(|it| !it.is_empty());
                let seen = if fires { &mut firing } else { &mut silent };
                seen.insert(name);
            }
        }
    }
    let of_prometheus = |alert: &(String, Rule)| alert.1.file.starts_with("alerts/rules");
    for (name, rule) in alerts().into_iter().filter(of_prometheus) {
        let place = rule.place();
        assert!(firing.contains(&name), "{place}: no test sees it fire");
        // The one that fires always.
        assert!(
            silent.contains(&name) || name == "Watchdog",
            "{place}: no test sees it silent"
        );
    }
    let known: BTreeSet<_> = alerts().into_iter().map(|(name, _)| name).collect();
    let gone: Vec<_> = firing
        .union(&silent)
        .filter(|name| !known.contains(*name))
        .collect();
    assert!(
        gone.is_empty(),
        "tests of alerts that are not there: {gone:?}"
    );
}

#[test]
fn every_alert_has_its_runbook_and_every_runbook_its_alert() {
    let runbooks: BTreeMap<_, _> = texts("alerts/runbooks", "md").into_iter().collect();
    for (name, rule) in alerts() {
        let place = rule.place();
        let url = &rule.annotations["runbook_url"];
        assert_eq!(
            url,
            &format!("{RUNBOOKS}alerts/runbooks/{name}.md"),
            "{place}"
        );
        let text = runbooks
            .get(&name)
            .unwrap_or_else(|| panic!("{place}: no runbook"));
        assert!(
            text.starts_with(&format!("# {name}\n")),
            "{name}.md: another title"
        );
        for heading in [
            "Description",
            "Impact",
            "Detection",
            "Mitigation",
            "Root cause",
            "Prevention",
        ] {
            assert!(
                text.contains(&format!("\n## {heading}\n")),
                "{name}.md: no {heading}"
            );
        }
        assert!(
            text.contains("```promql\n") || text.contains("```logql\n"),
            "{name}.md: no query"
        );
        let panel = &rule.annotations["dashboard_url"];
        assert!(text.contains(panel), "{name}.md does not link to {panel}");
    }
    let known: BTreeSet<_> = alerts().into_iter().map(|(name, _)| name).collect();
    for name in runbooks.keys() {
        assert!(known.contains(name), "{name}.md: no such alert");
    }
}

/// Within the runbooks, files and runbooks that are linked are there.
#[test]
fn every_link_of_a_runbook_leads_to_a_file() {
    let link = Regex::new(r"\]\(([^)#]+)").expect("a pattern");
    let folder = root().join("alerts/runbooks");
    for (name, text) in texts("alerts/runbooks", "md") {
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if !target.contains("://") {
                assert!(
                    folder.join(target).exists(),
                    "{name}.md: {target} is not there"
                );
            }
        }
    }
}
