//! What `--help` says is read by people: a change to it is seen here.
//! `GLASSHOUSE_UPDATE=1 cargo test -p glasshouse --test help` accepts it.

use std::path::Path;
use std::process::Command;

#[test]
fn help_is_as_agreed() {
    for arguments in [
        vec![],
        vec!["up"],
        vec!["status"],
        vec!["logs"],
        vec!["journey"],
        vec!["check"],
        vec!["provision"],
        vec!["slo", "generate"],
        vec!["load"],
        vec!["tools"],
        vec!["backing"],
    ] {
        let name = if arguments.is_empty() {
            "glasshouse".to_owned()
        } else {
            arguments.join("-")
        };
        let output = Command::new(env!("CARGO_BIN_EXE_glasshouse"))
            .args(&arguments)
            .arg("--help")
            .env("COLUMNS", "100")
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/help/{name}.txt"));
        if std::env::var_os("GLASSHOUSE_UPDATE").is_some() {
            std::fs::write(&file, &said).unwrap();
        }
        let agreed = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(
            said,
            agreed,
            "{name} --help differs from {}",
            file.display()
        );
    }
}

#[test]
fn the_command_line_is_consistent() {
    <glasshouse::cli::Cli as clap::CommandFactory>::command().debug_assert();
}
