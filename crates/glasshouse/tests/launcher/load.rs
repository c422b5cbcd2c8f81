//! `glasshouse load` as a program: exit codes, what it says when it cannot run,
//! Ctrl-C.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

const SCENARIO: &str = "\
name: test
about: a test
timeout: 2s
max_lateness: 1m
journeys:
  - name: visit
    steps:
      - name: ask
        http: { target: it, request: GET /ok }
      - name: sometimes
        http: { target: it, request: GET /sometimes }
phases:
  - { name: all, rate: 50, spacing: even, duration: 1s }
thresholds:
  - ask errors < 1%
  - p95 < 30s
";

/// A server and a folder of its own; both end with the test.
struct Bench {
    address: String,
    requests: Arc<AtomicU64>,
    folder: PathBuf,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Bench {
    fn new(name: &str) -> Self {
        let requests = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&requests);
        let routes = Router::new().route("/ok", get(async || "ok")).route(
            "/sometimes",
            get(
                async move || match counted.fetch_add(1, Ordering::SeqCst) % 10 {
                    0 => StatusCode::SERVICE_UNAVAILABLE,
                    _ => StatusCode::OK,
                },
            ),
        );
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, routes).await.unwrap();
            });
        });
        let folder =
            std::env::temp_dir().join(format!("glasshouse-load-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self {
            address,
            requests,
            folder,
        }
    }

    fn command(&self, scenario: &str, arguments: &[&str]) -> Command {
        let file = self.folder.join("scenario.yaml");
        std::fs::write(&file, scenario).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_glasshouse"));
        command
            .arg("--home")
            .arg(self.folder.join("home"))
            .arg("load")
            .arg(file);
        command
            .arg(format!("--target=it={}", self.address))
            .args(arguments);
        command
    }

    fn run(&self, scenario: &str, arguments: &[&str]) -> Output {
        self.command(scenario, arguments).output().unwrap()
    }
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(text).unwrap()
}

#[test]
fn the_exit_code_says_whether_the_thresholds_held() {
    let bench = Bench::new("codes");
    let out = bench.folder.join("run.json");
    let held = bench.run(SCENARIO, &["--out", out.to_str().unwrap()]);
    assert_eq!(held.status.code(), Some(0), "{}", said(&held));
    assert!(said(&held).contains("✓ ask errors < 1%"), "{}", said(&held));
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    assert_eq!(
        (&json["scenario"], &json["intended"]),
        (&"test".into(), &50.into())
    );
    assert_eq!(json["thresholds"][0]["held"], true);

    // One of ten answers is an error.
    let broken = SCENARIO.replace("ask errors", "errors");
    let broken = bench.run(&broken, &[]);
    assert_eq!(broken.status.code(), Some(4), "{}", said(&broken));
    assert!(
        said(&broken).contains("✗ errors < 1%  found 5"),
        "{}",
        said(&broken)
    );

    let late = SCENARIO.replace("max_lateness: 1m", "max_lateness: 0.001us");
    let invalid = bench.run(&late, &[]);
    assert_eq!(invalid.status.code(), Some(3), "{}", said(&invalid));
    assert!(said(&invalid).contains("INVALID"), "{}", said(&invalid));
}

#[test]
fn a_condition_ends_the_run_early() {
    let bench = Bench::new("stop");
    let text = SCENARIO.replace("duration: 1s", "duration: 5m")
        + "stop_when:\n  - sometimes errors > 5%\n";
    let run = bench.run(&text, &[]);
    assert_eq!(run.status.code(), Some(4), "{}", said(&run));
    assert!(
        said(&run).contains("✗ stop when sometimes errors > 5%"),
        "{}",
        said(&run)
    );
}

#[test]
fn a_breakpoint_reports_the_knee() {
    let bench = Bench::new("knee");
    let (head, _) = SCENARIO.split_once("phases:").unwrap();
    let search = |threshold: &str| {
        format!(
            "{head}breakpoint: {{ from: 20, to: 60, factor: 2, each: 1s }}\nthresholds: [{threshold}]\n"
        )
    };
    // Two steps in a journey: 20 journeys a second are 40 answers, 40 are 80.
    let found = bench.run(&search("rate < 60"), &[]);
    assert_eq!(found.status.code(), Some(0), "{}", said(&found));
    assert!(said(&found).contains("✗     40.0"), "{}", said(&found));
    assert!(
        said(&found).contains("the knee is at 20.0 journeys a second"),
        "{}",
        said(&found)
    );
    let none = bench.run(&search("p95 < 1us"), &[]);
    assert_eq!(none.status.code(), Some(4), "{}", said(&none));
    assert!(
        said(&none).contains("not even the first rate"),
        "{}",
        said(&none)
    );
}

#[test]
fn what_cannot_run_says_why() {
    let bench = Bench::new("why");
    let wrong = SCENARIO.replace("rate: 50", "rate: fifty");
    for (scenario, arguments, code, why) in [
        (&*wrong, &[][..], 2, "scenario.yaml:13:24:"),
        (
            SCENARIO,
            &["--target=it=http://192.0.2.1:80"][..],
            1,
            "--allow-remote",
        ),
        (
            SCENARIO,
            &["--target=it=http://127.0.0.1:1"][..],
            1,
            "is unreachable at",
        ),
        (SCENARIO, &["--rate=0"][..], 2, "above 0"),
        (
            &*SCENARIO.replace("target: it", "target: kafka"),
            &["--target=kafka=127.0.0.1:1"][..],
            1,
            "is unreachable",
        ),
    ] {
        let run = bench.run(scenario, arguments);
        assert_eq!(run.status.code(), Some(code), "{}", said(&run));
        assert!(said(&run).contains(why), "{}", said(&run));
    }
    let nothing = Command::new(env!("CARGO_BIN_EXE_glasshouse"))
        .args(["load", "nonsense"])
        .output();
    let nothing = nothing.unwrap();
    assert_eq!(nothing.status.code(), Some(2));
    assert!(
        said(&nothing).contains("one of smoke, standard"),
        "{}",
        said(&nothing)
    );
    assert_eq!(bench.requests.load(Ordering::SeqCst), 0);
}

#[test]
fn too_few_files_are_named_with_the_limit() {
    let bench = Bench::new("files");
    let command = bench.command(&(SCENARIO.to_owned() + "connections: 2000\n"), &[]);
    let arguments: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|argument| argument.to_str().unwrap().to_owned())
        .collect();
    let run = Command::new("sh")
        .args(["-c", "ulimit -n 100 && exec \"$@\"", "sh"])
        .args(arguments)
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(1), "{}", said(&run));
    assert!(
        said(&run).contains("RLIMIT_NOFILE") && said(&run).contains("ulimit -Hn 2064"),
        "{}",
        said(&run)
    );
}

#[test]
fn an_interrupt_reports_what_there_is() {
    let bench = Bench::new("interrupt");
    let long = SCENARIO.replace("duration: 1s", "duration: 10m");
    let child = bench
        .command(&long, &[])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    while bench.requests.load(Ordering::SeqCst) < 20 {
        #[expect(clippy::disallowed_methods, reason = "no runtime here to block")]
        std::thread::sleep(Duration::from_millis(10));
    }
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    let run = child.wait_with_output().unwrap();
    assert_eq!(run.status.code(), Some(130), "{}", said(&run));
    assert!(said(&run).contains("stopped early"), "{}", said(&run));
    assert!(said(&run).contains("status 200"), "{}", said(&run));
}
