//! The rules are those of the objectives.

use std::path::Path;

use glasshouse::slo::{self, Preset};

#[test]
fn the_rules_are_those_of_the_objectives() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let objectives = slo::load(&root.join(slo::OBJECTIVES)).unwrap();
    let rules = std::fs::read_to_string(root.join(slo::RULES)).unwrap();
    assert!(
        rules == slo::generate(&objectives, Preset::Standard),
        "alerts/rules/slo.yml is not of alerts/slo.toml: run `glasshouse slo generate`"
    );
}

#[test]
fn in_a_workshop_an_hour_is_two_minutes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let objectives = slo::load(&root.join(slo::OBJECTIVES)).unwrap();
    let rules = slo::generate(&objectives, Preset::Workshop);
    // The name says which window it stands for, the range which it is.
    let recorded = rules.split("ratio_rate1h\n").nth(1).unwrap();
    assert!(recorded.lines().take(6).any(|line| line.contains("[2m]")));
    assert!(!rules.contains("[1h]"));
}
