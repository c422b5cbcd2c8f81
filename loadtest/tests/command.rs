//! The program itself: exit codes, the JSON, the limits of the process, Ctrl-C.

mod scripted;

use std::process::{Command, Stdio};
use std::time::Duration;

use scripted::{Scripted, ok};

const PROGRAM: &str = env!("CARGO_BIN_EXE_loadtest");

#[test]
fn a_run_ends_with_a_summary_and_a_document() {
    let server = Scripted::start(|_| ok());
    let folder = std::env::temp_dir().join(format!("loadtest-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let out = folder.join("run.json");
    let run = Command::new(PROGRAM)
        .args([
            &server.url(),
            "--rate",
            "ramp:50-150",
            "--poisson",
            "--seed",
            "9",
        ])
        .args(["--duration", "1", "--max-lateness", "60", "--out"])
        .arg(&out)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&run.stderr)
    );
    assert!(
        text.contains("open loop, ramp:50-150 (poisson, seed 9)"),
        "{text}"
    );
    assert!(
        text.contains("latency") && text.contains("own lateness"),
        "{text}"
    );

    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(json["valid"], true);
    assert_eq!(json["steps"][0]["statuses"]["200"], json["answered"]);
    let report: loadtest::Report = serde_json::from_value(json).unwrap();
    let corrected = report.steps[0].corrected.as_ref().unwrap();
    assert_eq!(corrected.histogram().len(), report.answered);
    let over_time: u64 = report.timeline.iter().map(|moment| moment.answered).sum();
    assert_eq!(over_time, report.answered);
}

#[test]
fn what_cannot_begin_says_why() {
    let server = Scripted::start(|_| ok());
    let url = server.url();
    for (url, option, code, why) in [
        ("http://192.0.2.1/", "--rate=1", 1, "--allow-remote"),
        (
            "http://nowhere.invalid/",
            "--rate=1",
            1,
            "cannot be resolved",
        ),
        (&*url, "--rate=square:1", 2, "no shape is called"),
        (&*url, "--duration=-3", 2, "more than 0"),
        (&*url, "--header=nonsense", 2, "a header is"),
    ] {
        let run = Command::new(PROGRAM).args([url, option]).output().unwrap();
        let text = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(code), "{text}");
        assert!(text.contains(why), "{text}");
    }
    assert_eq!(server.requests(), 0);
}

#[test]
fn too_few_files_are_named_with_the_limit() {
    let server = Scripted::start(|_| ok());
    let command = format!(
        "ulimit -n 100 && exec {PROGRAM} {} --connections 200",
        server.url()
    );
    let run = Command::new("sh").args(["-c", &command]).output().unwrap();
    let text = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(1), "{text}");
    assert!(
        text.contains("RLIMIT_NOFILE") && text.contains("ulimit -Hn 264"),
        "{text}"
    );
}

#[test]
fn an_interrupt_reports_what_there_is() {
    let server = Scripted::start(|_| ok());
    let child = Command::new(PROGRAM)
        .args([&server.url(), "--duration", "600", "--rate", "100"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    while server.requests() < 20 {
        #[expect(clippy::disallowed_methods, reason = "no runtime here to block")]
        std::thread::sleep(Duration::from_millis(10));
    }
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    let run = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    assert_eq!(run.status.code(), Some(130), "{text}");
    assert!(text.contains("stopped early"), "{text}");
    assert!(text.contains("status 200"), "{text}");
}

#[test]
fn two_runs_are_compared() {
    let server = Scripted::start(|_| ok());
    let folder = std::env::temp_dir().join(format!("loadtest-compare-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("run.json");
    let measured = Command::new(PROGRAM)
        .args([
            &server.url(),
            "-d",
            "1",
            "--max-lateness",
            "60",
            "-q",
            "--out",
        ])
        .arg(&path)
        .status()
        .unwrap();
    assert!(measured.success());
    let compare = |run: &std::path::Path, extra: &[&std::ffi::OsStr]| {
        let run = Command::new(PROGRAM)
            .arg("compare")
            .arg(run)
            .args(extra)
            .output()
            .unwrap();
        let text = [run.stdout, run.stderr]
            .map(|text| String::from_utf8(text).unwrap())
            .concat();
        (run.status.code(), text)
    };
    let (_, text) = compare(&path, &[]);
    assert!(
        text.contains("overall p95") && text.contains("to come: agents"),
        "{text}"
    );

    // A limit that nothing holds, and one that everything does.
    for (limit, code) in [("0.000001", 1), ("1000000", 0)] {
        let limits = folder.join("limits.yaml");
        let yaml = format!(
            "rows: []\noverall: {{ p95: {limit}, errors_percent: 50, cpu_percent: 101, memory_percent: 101 }}\n"
        );
        std::fs::write(&limits, yaml).unwrap();
        let (found, text) = compare(&path, &["--baselines".as_ref(), limits.as_ref()]);
        assert_eq!(found, Some(code), "{text}");
    }
    let (code, text) = compare(&path, &["--with".as_ref(), path.as_ref()]);
    assert_eq!(code, Some(2));
    assert!(text.contains("too short"), "{text}");
    let (code, text) = compare(&folder, &[]);
    assert_eq!(code, Some(2), "{text}");
    std::fs::remove_dir_all(&folder).unwrap();
}
