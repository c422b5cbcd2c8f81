//! The system that is watched: started once, ended at the end.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use glasshouse::project;
use glasshouse::state::{Phase, RunState, StateFile};
use glasshouse::tools::Tools;
use libtest_mimic::Failed;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(90);

/// A running system, with what it is asked by.
pub struct Stack {
    pub home: PathBuf,
    pub run: RunState,
    pub http: reqwest::Client,
}

static STACK: OnceLock<Result<Stack, String>> = OnceLock::new();
static LAUNCHER: Mutex<Option<Child>> = Mutex::new(None);

/// The programs that are not there.
pub fn missing() -> Vec<&'static str> {
    let tools = project::root().and_then(|root| Tools::load(&root));
    let found = |name: &str| tools.as_ref().is_ok_and(|tools| tools.find(name).is_some());
    ["otelcol", "jaeger", "loki"]
        .into_iter()
        .filter(|name| !found(name))
        .collect()
}

/// The one system, started when it is first asked for.
pub fn running() -> Result<&'static Stack, Failed> {
    let stack = STACK.get_or_init(|| start().map_err(|error| error.to_string()));
    stack.as_ref().map_err(Failed::from)
}

fn start() -> Result<Stack, Box<dyn std::error::Error>> {
    let home = std::env::temp_dir().join(format!("glasshouse-watching-{}", std::process::id()));
    std::fs::create_dir_all(&home)?;
    let log = std::fs::File::create(home.join("up.log"))?;
    let launcher = Command::new(env!("CARGO_BIN_EXE_glasshouse"))
        .arg("--home")
        .arg(&home)
        .args(["up", "--workshop", "--no-journey"])
        // Of what nothing speaks for, no trace at all.
        .env("TAIL_SAMPLING_PERCENTAGE", "0")
        .env("TAIL_SAMPLING_WAIT", "2s")
        .env("LOKI_RULES_INTERVAL", "1s")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    let pid = launcher.id();
    *LAUNCHER.lock().unwrap_or_else(PoisonError::into_inner) = Some(launcher);
    let deadline = Instant::now() + PATIENCE;
    let run = loop {
        let run = StateFile::in_folder(&home).load();
        let ours = run.filter(|run| run.supervisor.as_ref().is_some_and(|who| who.pid == pid));
        match ours {
            Some(run) if run.phase == Phase::Ready => break run,
            Some(run) if run.phase == Phase::Failed => return Err(said(&home).into()),
            _ if Instant::now() >= deadline => return Err(said(&home).into()),
            _ => pause(),
        }
    };
    let http = reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .timeout(Duration::from_secs(10))
        .build()?;
    Ok(Stack { home, run, http })
}

/// Ends it, and removes what it wrote.
pub fn end() {
    let launcher = LAUNCHER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let Some(mut launcher) = launcher else { return };
    // A part that a failed test left stopped would not hear of the end.
    if let Some(Ok(stack)) = STACK.get() {
        stack.signal("todo-api", Signal::SIGCONT);
    }
    if launcher.try_wait().is_ok_and(|status| status.is_none()) {
        let _ = kill(Pid::from_raw(launcher.id().cast_signed()), Signal::SIGTERM);
    }
    let _ = launcher.wait();
    if let Some(Ok(stack)) = STACK.get() {
        let _ = std::fs::remove_dir_all(&stack.home);
    }
}

fn said(home: &Path) -> String {
    let said = std::fs::read_to_string(home.join("up.log")).unwrap_or_default();
    format!("it did not start:\n{said}")
}

/// No runtime here.
fn pause() {
    std::thread::sleep(Duration::from_millis(100));
}

impl Stack {
    /// Where a part is.
    pub fn address(&self, name: &str) -> String {
        let address = self.run.address(name);
        let address = address.unwrap_or_else(|| panic!("{name} does not run: {:#?}", self.run));
        // What people are told beside it.
        address.split(' ').next().unwrap_or_default().to_owned()
    }

    /// Sends a signal to a part.
    pub fn signal(&self, name: &str, signal: Signal) {
        let pid = self.run.component(name).and_then(|row| row.pid);
        if let Some(pid) = pid {
            let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
        }
    }

    /// A GET of a part, with a query; nothing while there is no good answer.
    pub async fn get(&self, name: &str, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let mut url = reqwest::Url::parse(&self.address(name))
            .ok()?
            .join(path)
            .ok()?;
        url.query_pairs_mut().extend_pairs(query);
        let answer = self.http.get(url).send().await.ok()?;
        answer.error_for_status().ok()?.json().await.ok()
    }

    /// What a query of Prometheus finds.
    pub async fn query(&self, query: &str) -> Vec<Value> {
        let query = [("query", query)];
        let answer = self.get("prometheus", "/api/v1/query", &query).await;
        let answer = answer.unwrap_or_default();
        answer["data"]["result"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }
}

/// Asks until there is an answer, and says how long that took.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            println!("    {what}: after {:.1} s", begun.elapsed().as_secs_f64());
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
