//! Two real runs of this machine held against each other: `loadtest compare` as it is
//! used. Each run takes as long as the comparison needs; all go on at the same time,
//! so that a machine that is busy is so for all.
#![allow(clippy::unwrap_used, reason = "a test's helper fails with it")]

mod scripted;

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use scripted::{Act, OK, Scripted, ok};

const PROGRAM: &str = env!("CARGO_BIN_EXE_loadtest");
/// Eight times five seconds after the first tenth.
const SECONDS: &str = "47";
/// Limits that a busy machine holds, too.
const LIMITS: &str = "rows: []\noverall: { p95: 60000, errors_percent: 50, cpu_percent: 101, memory_percent: 101 }\n";

fn start(url: &str, out: &Path) -> Child {
    let mut command = Command::new(PROGRAM);
    command.args([url, "-d", SECONDS, "--rate", "40", "--max-lateness", "60"]);
    command.args(["-q", "--out"]).arg(out).spawn().unwrap()
}

fn compare(run: &Path, with: &Path, limits: &Path) -> (Option<i32>, String) {
    let output = Command::new(PROGRAM)
        .arg("compare")
        .arg(run)
        .arg("--with")
        .arg(with)
        .arg("--baselines")
        .arg(limits)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
#[ignore = "takes a minute: cargo test -p loadtest --test compared -- --ignored --nocapture"]
fn a_slower_server_is_found_and_the_same_one_is_not() {
    let folder = std::env::temp_dir().join(format!("loadtest-compared-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let limits = folder.join("limits.yaml");
    std::fs::write(&limits, LIMITS).unwrap();
    let same = Scripted::start(|_| ok());
    let slower = Scripted::start(|_| Act::Slow(Duration::from_millis(30), OK.to_owned()));
    let file = |name: &str| -> PathBuf { folder.join(name) };
    let runs = [
        (same.url(), file("before.json")),
        (same.url(), file("again.json")),
        (slower.url(), file("slower.json")),
    ];
    let running = runs.each_ref().map(|(url, out)| start(url, out));
    for mut run in running {
        assert!(run.wait().unwrap().success());
    }
    let (code, said) = compare(&file("again.json"), &file("before.json"), &limits);
    println!("the same server\n{said}");
    assert_eq!(code, Some(0), "{said}");
    // The page of another server is the same load: its path is.
    let (code, said) = compare(&file("slower.json"), &file("before.json"), &limits);
    println!("a server that takes 30 ms longer\n{said}");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("✗ all steps p50"), "{said}");
    std::fs::remove_dir_all(&folder).unwrap();
}
