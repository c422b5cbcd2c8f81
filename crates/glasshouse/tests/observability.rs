//! The journey with everything that watches: found whole in Jaeger, by its
//! trace id in Loki, moved in Prometheus. Needs the Go programs that
//! `make tools` builds; without them it is skipped, and the summary says so.

use std::path::Path;
use std::process::{Command, ExitCode};

use glasshouse::project;
use glasshouse::tools::Tools;
use libtest_mimic::{Arguments, Failed, Trial};

const NEEDED: [&str; 3] = ["otelcol", "jaeger", "loki"];

fn main() -> ExitCode {
    let missing = missing();
    let kind = match missing.as_slice() {
        [] => String::new(),
        missing => format!("skipped: no {}; make tools builds it", missing.join(", ")),
    };
    let trial = Trial::test("the_journey_is_seen_by_all_who_watch", journey)
        .with_ignored_flag(!missing.is_empty())
        .with_kind(kind);
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}

fn missing() -> Vec<&'static str> {
    let tools = project::root().and_then(|root| Tools::load(&root));
    let found = |name: &str| tools.as_ref().is_ok_and(|tools| tools.find(name).is_some());
    NEEDED.into_iter().filter(|name| !found(name)).collect()
}

fn journey() -> Result<(), Failed> {
    let home = std::env::temp_dir().join(format!("glasshouse-watched-{}", std::process::id()));
    let output = up_once(&home);
    // Whatever came of it: nothing of it stays.
    let _ = std::fs::remove_dir_all(&home);
    let output = output?;
    for proof in [
        "4 of 4 series moved",
        "spans of 3 services, whole",
        "log lines of 3 services by trace id",
        "journey complete",
    ] {
        if !output.contains(proof) {
            return Err(format!("no \"{proof}\" in\n{output}").into());
        }
    }
    Ok(())
}

fn up_once(home: &Path) -> Result<String, Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_glasshouse"))
        .arg("--home")
        .arg(home)
        .args(["up", "--once"])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("up --once failed:\n{text}\n{errors}").into())
}
