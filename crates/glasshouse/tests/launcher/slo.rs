//! The rules, and the tests of them, are those of the objectives.

use std::path::{Path, PathBuf};
use std::process::Command;

use glasshouse::slo::{self, Objective, Preset};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn objectives() -> Vec<Objective> {
    slo::load(&root().join(slo::OBJECTIVES)).expect("alerts/slo.toml")
}

#[test]
fn the_rules_are_those_of_the_objectives() {
    let rules = std::fs::read_to_string(root().join(slo::RULES)).unwrap();
    assert!(
        rules == slo::generate(&objectives(), Preset::Standard),
        "alerts/rules/slo.yml is not of alerts/slo.toml: run `glasshouse slo generate`"
    );
}

#[test]
fn their_tests_are_those_of_the_objectives() {
    let tests = std::fs::read_to_string(root().join(slo::TESTS)).unwrap();
    let made = slo::generate_tests(&objectives(), Preset::Standard, "../rules/slo.yml").unwrap();
    assert!(
        tests == made,
        "alerts/tests/slo-windows.yml is not of alerts/slo.toml: run `glasshouse slo generate`"
    );
}

#[test]
fn in_a_workshop_an_hour_is_two_minutes() {
    let rules = slo::generate(&objectives(), Preset::Workshop);
    // The name says which window it stands for, the range which it is.
    let recorded = rules.split("ratio_rate1h\n").nth(1).unwrap();
    assert!(recorded.lines().take(6).any(|line| line.contains("[2m]")));
    assert!(!rules.contains("[1h]"));
}

/// A budget burns in minutes as it does in hours: the same tests, scaled like the rules.
#[test]
fn the_rules_of_a_workshop_pass_their_tests() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("slo.yml");
    let tests = folder.path().join("tests.yml");
    std::fs::write(&rules, slo::generate(&objectives(), Preset::Workshop)).unwrap();
    let made = slo::generate_tests(&objectives(), Preset::Workshop, "slo.yml").unwrap();
    std::fs::write(&tests, made).unwrap();
    let output = Command::new("promtool")
        .args(["test", "rules"])
        .arg(&tests)
        .output()
        .expect("promtool, of Debian's package prometheus");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
