//! A service as a real process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::{Samples, eventually};

/// Lines that a failed test shows of each service.
const SHOWN: usize = 20;

/// A log line of standard output.
#[derive(Clone, Debug, Deserialize)]
pub struct Log {
    /// `INFO`, `WARNING`, …
    pub level: String,
    /// The module.
    pub logger: String,
    /// The event's name.
    pub message: String,
    /// Its details.
    pub fields: serde_json::Map<String, serde_json::Value>,
    /// Inside a request or message.
    pub trace_id: Option<String>,
    /// Who wrote it.
    pub service: String,
}

/// What to start, and with which environment.
pub struct ServiceBuilder {
    name: String,
    environment: BTreeMap<String, String>,
}

impl ServiceBuilder {
    /// A service with nothing set but free ports.
    pub fn new(name: &str) -> Self {
        let environment = [
            ("LISTEN_ADDRESS", "127.0.0.1:0"),
            ("ADMIN_LISTEN_ADDRESS", "127.0.0.1:0"),
            ("ENVIRONMENT", "test"),
            ("SHUTDOWN_DELAY_SECONDS", "0"),
            ("SHUTDOWN_DEADLINE_SECONDS", "10"),
        ];
        Self {
            name: name.to_owned(),
            environment: environment
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        }
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// The binary.
    ///
    /// # Panics
    /// When it is not there: `cargo build --workspace` makes it.
    pub fn program(&self) -> PathBuf {
        binary(&self.name)
    }

    /// Starts the process without waiting for anything.
    ///
    /// # Panics
    /// When the binary is not there: `cargo build --workspace` makes it.
    pub fn spawn(&self) -> Service {
        let program = binary(&self.name);
        let mut child = Command::new(&program)
            .env_clear()
            .envs(&self.environment)
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let lines = Lines::default();
        let errors = Lines::default();
        lines.collect(child.stdout.take());
        errors.collect(child.stderr.take());
        Service {
            name: self.name.clone(),
            child,
            lines,
            errors,
            address: None,
            admin: String::new(),
            http: reqwest::Client::new(),
        }
    }

    /// Starts the process and waits until it has bound its ports.
    ///
    /// # Panics
    /// When it ends before.
    pub async fn bound(&self) -> Service {
        let mut service = self.spawn();
        let started = service.log("service_started").await;
        let address = |field: &str| {
            let text = started.fields.get(field)?.as_str()?;
            text.parse::<SocketAddr>().ok()
        };
        service.address = address("address");
        service.admin = format!(
            "http://{}",
            address("admin_address").expect("admin_address")
        );
        service
    }

    /// Starts the process and waits until it is ready.
    ///
    /// # Panics
    /// When it never is.
    pub async fn start(&self) -> Service {
        let service = self.bound().await;
        service.ready().await;
        service
    }
}

/// A running service. Dropped, it is killed.
pub struct Service {
    name: String,
    child: Child,
    lines: Lines,
    errors: Lines,
    address: Option<SocketAddr>,
    admin: String,
    http: reqwest::Client,
}

impl Service {
    /// An address on the public port.
    ///
    /// # Panics
    /// When the service has none.
    pub fn url(&self, path: &str) -> String {
        let address = self.address.expect("a public port");
        format!("http://{address}{path}")
    }

    /// An address on the admin port.
    pub fn admin(&self, path: &str) -> String {
        format!("{}{path}", self.admin)
    }

    /// Waits for readiness.
    ///
    /// # Panics
    /// When it never comes.
    pub async fn ready(&self) {
        eventually(&format!("{} ready", self.name), || async {
            (self.probe("/health/ready").await.0 == 200).then_some(())
        })
        .await;
    }

    /// Asks a probe on the admin port: status and body. Status 0: no answer.
    pub async fn probe(&self, path: &str) -> (u16, serde_json::Value) {
        let request = self
            .http
            .get(self.admin(path))
            .timeout(Duration::from_secs(5));
        match request.send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                (status, response.json().await.unwrap_or_default())
            }
            Err(_) => (0, serde_json::Value::Null),
        }
    }

    /// Scrapes `/metrics`.
    ///
    /// # Panics
    /// When the admin port does not answer.
    pub async fn metrics(&self) -> Samples {
        let response = self.http.get(self.admin("/metrics")).send().await;
        let text = response.expect("/metrics").text().await.expect("text");
        Samples::parse(&text)
    }

    /// The binary that runs.
    pub fn program(&self) -> PathBuf {
        binary(&self.name)
    }

    /// The process id.
    ///
    /// # Panics
    /// When the process has ended.
    pub fn pid(&self) -> i32 {
        self.child.id().expect("running").cast_signed()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.child.id() {
            // It may have ended this moment.
            let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
        }
    }

    /// Waits for the end of the process.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn ended(&mut self) -> ExitStatus {
        let waited = tokio::time::timeout(crate::PATIENCE, self.child.wait()).await;
        waited.expect("the process ends").expect("its status")
    }

    /// Ends the service in order.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.ended().await
    }

    /// Every line of standard output so far.
    pub fn output(&self) -> Vec<String> {
        self.lines.all()
    }

    /// From the next line on, standard output is read and thrown away: a benchmark
    /// measures the service, and not who keeps its lines.
    pub fn discard_output(&self) {
        self.lines.lock().discards = true;
    }

    /// Every line of standard error so far.
    pub fn errors(&self) -> Vec<String> {
        self.errors.all()
    }

    /// Every log line so far.
    ///
    /// # Panics
    /// On a line that is not of the schema.
    pub fn logs(&self) -> Vec<Log> {
        let lines = self.lines.all();
        let parse = |line: &String| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        };
        lines.iter().map(parse).collect()
    }

    /// Waits for the first log line with this message.
    ///
    /// # Panics
    /// When it never comes.
    pub async fn log(&self, message: &str) -> Log {
        let errors = || self.errors.all().join("\n");
        eventually(&format!("{} logs {message}", self.name), || async {
            let found = self.logs().into_iter().find(|log| log.message == message);
            assert!(
                found.is_some() || !self.errors.closed() || self.errors.all().is_empty(),
                "{} ended: {}",
                self.name,
                errors()
            );
            found
        })
        .await
    }
}

/// Of a test that fails, what its services wrote is kept, and the end of it shown.
#[allow(clippy::print_stdout, reason = "a failed test tells what happened")]
impl Drop for Service {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let mut lines = self.lines.all();
        lines.extend(self.errors.all());
        let file = format!("glasshouse-{}.log", crate::unique(&self.name));
        let file = std::env::temp_dir().join(file);
        match std::fs::write(&file, lines.join("\n")) {
            Ok(()) => println!("{}, all in {}:", self.name, file.display()),
            Err(error) => println!("{} (not kept: {error}):", self.name),
        }
        for line in &lines[lines.len().saturating_sub(SHOWN)..] {
            println!("  {line}");
        }
    }
}

#[derive(Default)]
struct Collected {
    lines: Vec<String>,
    /// What comes now is thrown away.
    discards: bool,
    closed: bool,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Collected>>);

impl Lines {
    fn collect(&self, stream: Option<impl AsyncRead + Unpin + Send + 'static>) {
        let collected = self.clone();
        tokio::spawn(async move {
            if let Some(stream) = stream {
                let mut stream = BufReader::new(stream);
                collected.read(&mut stream).await;
                // It ends with the service.
                let _ = tokio::io::copy_buf(&mut stream, &mut tokio::io::sink()).await;
            }
            collected.lock().closed = true;
        });
    }

    async fn read(&self, stream: &mut (impl AsyncBufRead + Unpin)) {
        let mut lines = stream.lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut collected = self.lock();
            collected.lines.push(line);
            if collected.discards {
                return;
            }
        }
    }

    fn all(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    fn closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Collected> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A service's binary: beside the folder in which test binaries lie.
fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this binary's path");
    let profile = test
        .ancestors()
        .find(|folder| folder.join(name).is_file())
        .unwrap_or_else(|| panic!("{name} is not built: cargo build --workspace"));
    profile.join(name)
}
