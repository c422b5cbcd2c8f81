//! Commands on a folder where nothing runs, and the building of tools.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use glasshouse::backing::scratch;

fn glasshouse(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glasshouse"));
    command.args(arguments);
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

#[test]
fn where_nothing_runs_each_command_says_so() {
    let place = scratch().unwrap();
    let home = place.root().join("home").display().to_string();
    for (command, words, succeeds) in [
        ("status", "not running", false),
        ("down", "Nothing was running", true),
        ("logs", "no logs yet", false),
        ("journey", "not running", false),
    ] {
        let output = glasshouse(&[command, "--home", &home]).output().unwrap();
        assert_eq!(output.status.success(), succeeds, "{command}");
        assert!(
            said(&output).contains(words),
            "{command}: {}",
            said(&output)
        );
    }
    let json = glasshouse(&["status", "--json", "--home", &home])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(json.stdout).unwrap().trim(), "null");
    place.remove().unwrap();
}

#[test]
fn tools_are_built_once_and_again_when_what_they_are_built_from_changes() {
    let place = scratch().unwrap();
    let (project, cache) = (place.root().join("project"), place.root().join("cache"));
    let module = project.join("infra/native/thing");
    fs::create_dir_all(&module).unwrap();
    fs::write(module.join("source"), "echo version 1.0").unwrap();
    let manifest = r#"
        [env]
        HOW = "well"
        [[tool]]
        name = "thing"
        title = "The Thing"
        version = "1.0"
        dir = "thing"
        command = ["sh", "-c", "test $HOW = well && cp source {scratch}/thing && chmod +x {scratch}/thing"]
        seconds = 1
        brings = "things"
    "#;
    fs::write(project.join("infra/native/tools.toml"), manifest).unwrap();
    let build = || {
        let mut command = glasshouse(&["tools"]);
        let output = command
            .current_dir(&project)
            .env("GLASSHOUSE_CACHE", &cache)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    };
    assert!(build().contains("building 1 of them"));
    assert!(build().contains("The Thing 1.0 is up to date"));
    fs::write(module.join("source"), "echo version 1.1").unwrap();
    assert!(build().contains("building 1 of them"));
    let program = cache.join("bin/thing");
    assert_eq!(fs::read_to_string(&program).unwrap(), "echo version 1.1");
    assert!(!cache.join("build/thing").exists());

    // A build that fails says why, and leaves what was there.
    fs::remove_file(module.join("source")).unwrap();
    let mut broken = glasshouse(&["tools"]);
    let output = broken
        .current_dir(&project)
        .env("GLASSHOUSE_CACHE", &cache)
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(
        said(&output).contains("cannot stat 'source'"),
        "{}",
        said(&output)
    );
    assert!(program.exists());
    place.remove().unwrap();
}

#[test]
fn an_exit_code_of_what_backing_runs_needs_a_command() {
    let output = glasshouse(&["backing"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(Path::new(env!("CARGO_BIN_EXE_glasshouse")).exists());
}
