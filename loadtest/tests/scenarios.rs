//! Scenarios as files: those of the program, the schema, and errors that say where.
#![allow(clippy::unwrap_used, reason = "a test's helper fails with it")]

use std::path::Path;

use loadtest::Scenario;
use loadtest::scenario::{BUILTIN, schema};

#[test]
fn every_scenario_of_the_program_is_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    let mut names: Vec<&str> = BUILTIN.iter().map(|builtin| builtin.name).collect();
    names.sort_unstable();
    assert_eq!(files, names);
    for builtin in BUILTIN {
        let scenario = Scenario::parse(builtin.text, builtin.name).unwrap();
        assert_eq!(scenario.name, builtin.name);
        assert!(!scenario.thresholds.is_empty(), "{}", builtin.name);
    }
    let standard = BUILTIN
        .iter()
        .find(|builtin| builtin.name == "standard")
        .unwrap();
    let standard = Scenario::parse(standard.text, "standard").unwrap();
    assert_eq!(standard.planned().as_secs(), 120);
}

#[test]
fn the_schema_is_current() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenario.schema.json");
    let current = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &current).unwrap();
    }
    let agreed = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        current, agreed,
        "UPDATE_DOCS=1 cargo test -p loadtest --test scenarios"
    );
}

const GOOD: &str = "\
name: x
about: y
journeys:
  - name: one
    steps:
      - name: ask
        http: { target: a, request: GET / }
        capture: { id: { json: /id } }
      - name: again
        http: { target: a, request: 'GET /{{id}}' }
phases:
  - { name: p, rate: 5, duration: 1s }
thresholds:
  - ask p95 < 1s
";

#[test]
fn what_is_wrong_is_named_with_its_line_and_column() {
    Scenario::parse(GOOD, "x.yaml").unwrap();
    for (right, wrong, line, column, why) in [
        ("about: y", "about: [", 2, 8, "x.yaml:"),
        ("about: y", "abuot: y", 2, 1, "abuot"),
        (
            "request: GET /",
            "request: GET",
            7,
            37,
            "no request such as",
        ),
        (
            "request: GET /",
            "request: 'GET /{{Nope'",
            7,
            37,
            "does not close",
        ),
        ("json: /id", "jsno: /id", 8, 26, "jsno"),
        (
            "GET /{{id}}",
            "GET /{{other}}",
            9,
            9,
            "nothing before it captures it",
        ),
        ("rate: 5", "rate: square:5", 12, 22, "no shape is called"),
        ("duration: 1s", "duration: 1", 12, 35, "no duration"),
        ("rate: 5, ", "", 12, 5, "has a rate, or is closed"),
        ("ask p95", "nobody p95", 14, 5, "no step or journey called"),
        ("p95 < 1s", "p95 < 1%", 14, 5, "no duration"),
        (
            "http: { target: a, request: GET / }",
            "pause: 3s - 1s",
            7,
            16,
            "ends before it begins",
        ),
    ] {
        assert!(GOOD.contains(right), "{right}");
        let text = GOOD.replacen(right, wrong, 1);
        let error = Scenario::parse(&text, "x.yaml").unwrap_err();
        let said = error.to_string();
        assert!(said.contains(why), "{wrong}: {said}");
        assert!(
            said.starts_with(&format!("x.yaml:{line}:{column}:")),
            "{wrong}: {said}"
        );
    }
}
